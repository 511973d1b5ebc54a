import type { JsonObject } from "./json.ts";
import type { Picture } from "./pictures.ts";

/** Write pictures into a chat message, by URL or in base64. */
type Write = (pictures: Picture[], url: (picture: Picture) => string) => JsonObject;

const base64 = ({ bytes }: Picture) => bytes.toString("base64");
const dataUri = (picture: Picture) => `data:${picture.type};base64,${base64(picture)}`;
const part = (url: string) => ({ type: "image_url", image_url: { url } });
const words = { type: "text", text: "Here it is." };

/** All forms in which relays of xty's family have been seen to return pictures, as the message of one choice. */
export const FORMS = {
  "markdown with a URL": (pictures, url) => ({
    content: pictures.map((picture, k) => `这是第 ${k + 1} 张图片:\n\n![image](${url(picture)})`).join("\n\n"),
  }),
  "markdown with a data URI": (pictures) => ({
    content: pictures.map((picture) => `![image](${dataUri(picture)})`).join("\n"),
  }),
  "data URIs on lines": (pictures) => ({ content: ["Here it is.", ...pictures.map(dataUri), "Enjoy."].join("\n") }),
  "parts with a data URI": (pictures) => ({ content: [words, ...pictures.map((picture) => part(dataUri(picture)))] }),
  "parts with a URL": (pictures, url) => ({ content: [words, ...pictures.map((picture) => part(url(picture)))] }),
  "parts with base64": (pictures) => ({ content: [words, ...pictures.map((picture) => part(base64(picture)))] }),
  "parts with an image": (pictures) => ({
    content: [words, ...pictures.map((picture) => ({ type: "image", image: { base64: base64(picture) } }))],
  }),
  images: (pictures) => ({
    content: "",
    images: pictures.map((picture, index) => ({ ...part(dataUri(picture)), index })),
  }),
  "images with URLs": (pictures, url) => ({
    content: null,
    images: pictures.map((picture) => ({ url: url(picture) })),
  }),
  "images with base64": (pictures) => ({ images: pictures.map((picture) => ({ b64_json: base64(picture) })) }),
  "images as texts": (pictures) => ({ images: pictures.map(dataUri) }),
  "images in one another": (pictures, url) => ({
    images: pictures.map((picture) => ({ image_url: { image_url: { url: url(picture) } } })),
  }),
  multi_mod_content: (pictures) => ({
    content: words.text,
    multi_mod_content: [
      { text: words.text },
      ...pictures.map((picture) => ({ inline_data: { data: base64(picture), mime_type: picture.type } })),
    ],
  }),
  image: (pictures) => ({ content: "", image: pictures.map((picture) => ({ data: base64(picture) })) }),
  image_b64_json: (pictures) => ({ content: "", image_b64_json: pictures.map(base64).at(-1) ?? "" }),
  "nothing but a link": (pictures, url) => ({ content: pictures.map(url).at(-1) ?? "" }),
  "nothing but base64": (pictures) => ({ content: pictures.map(base64).at(-1) ?? "" }),
  "in three places": (pictures, url) => ({
    content: pictures.map((picture) => `![image](${url(picture)})`).join("\n"),
    images: pictures.map((picture) => part(dataUri(picture))),
    image: pictures.map((picture) => ({ data: base64(picture) })),
  }),
} satisfies Record<string, Write>;

/** The other forms, which are not chat: the list of OpenAI's images API. */
export const LISTS = {
  "a list of base64": (picture: Picture) => ({ b64_json: base64(picture) }),
  "a list of URLs": (picture: Picture, url: (picture: Picture) => string) => ({ url: url(picture) }),
} satisfies Record<string, (picture: Picture, url: (picture: Picture) => string) => JsonObject>;

export type Form = keyof typeof FORMS | keyof typeof LISTS;

/** The names of all forms, for tests that run each of them. */
export const XTY_FORMS = [...Object.keys(FORMS), ...Object.keys(LISTS)] as Form[];
