import { sha256 } from "../sim/index.ts";
import { hashOf, jsonOf, PRO, type Stage } from "./stage.ts";

/** A dialect from the client's side: how to request a picture, and where an answer has its pictures. */
export interface DialectUse {
  path: string;
  headers?: Record<string, string>;
  /** Return a request body; with references, one is inline (a PNG in base64) and one is a URL. */
  requestBody(model: string | undefined, references?: { base64: string; url: string }): object;
  /** Return the SHA-256 of each picture in an answer; a picture given as a URL is fetched. */
  pictureHashes(answer: Response, stage: Stage): Promise<string[]>;
}

interface Item {
  url?: string;
  b64_json?: string;
}

const dataUri = (base64: string) => `data:image/png;base64,${base64}`;
const hashOfBase64 = (base64: string) => sha256(Buffer.from(base64, "base64"));
const hashOfUrl = (stage: Stage, url: string) => hashOf(stage.easel.fetch(url));
const hashesOf = (stage: Stage, items: readonly Item[]) =>
  Promise.all(
    items.map(async ({ url, b64_json }) => (b64_json ? hashOfBase64(b64_json) : hashOfUrl(stage, url ?? "no picture"))),
  );

const bodyWith =
  (field: string, more: object = {}): DialectUse["requestBody"] =>
  (model = PRO, references) => ({
    model,
    prompt: "a cat",
    ...more,
    ...(references && { [field]: [dataUri(references.base64), references.url] }),
  });

const openaiPictures = async (answer: Response, stage: Stage) =>
  hashesOf(stage, (await jsonOf<{ data: Item[] }>(answer)).data);
const nebulaPictures = async (answer: Response, stage: Stage) =>
  hashesOf(stage, (await jsonOf<{ data: { data: Item[] } }>(answer)).data.data);

export const DIALECTS: Record<string, DialectUse> = {
  listenhub: {
    path: "/v1/images/generation",
    requestBody: (model, references) => ({
      provider: "google",
      model,
      prompt: "a cat",
      ...(references && {
        referenceImages: [
          { inlineData: { data: references.base64, mimeType: "image/png" } },
          { fileData: { fileUri: references.url, mimeType: "image/jpeg" } },
        ],
      }),
    }),
    pictureHashes: async (answer) => {
      interface Part {
        inlineData?: { data: string };
        thought?: boolean;
      }
      const { candidates } = await jsonOf<{ candidates: { content: { parts: Part[] } }[] }>(answer);
      const parts = candidates.flatMap(({ content }) => content.parts);
      return parts.flatMap((part) => (part.inlineData && !part.thought ? hashOfBase64(part.inlineData.data) : []));
    },
  },
  xty: {
    path: "/v1/chat/completions",
    requestBody: (model = PRO, references) => ({
      model,
      messages: [
        {
          role: "user",
          content: references
            ? [
                { type: "text", text: "a cat" },
                { type: "image_url", image_url: { url: dataUri(references.base64) } },
                { type: "image_url", image_url: { url: references.url } },
              ]
            : "a cat",
        },
      ],
    }),
    pictureHashes: async (answer, stage) => {
      const { choices } = await jsonOf<{ choices: { message: { content: string } }[] }>(answer);
      const urls = choices.map(
        ({ message }) => /!\[[^\]]*\]\((http[^)]+)\)/.exec(message.content)?.[1] ?? "no picture",
      );
      return Promise.all(urls.map((url) => hashOfUrl(stage, url)));
    },
  },
  atalk: {
    path: "/images/generate",
    requestBody: (model = PRO, references) => ({
      model,
      prompt: "a cat",
      ...(references && { input_image: references.base64, input_image_2: references.url }),
    }),
    pictureHashes: async (answer, stage) => {
      const { data } = await jsonOf<{ data: { type: "url" | "base64"; image: string }[] }>(answer);
      return Promise.all(
        data.map(async ({ type, image }) => (type === "url" ? hashOfUrl(stage, image) : hashOfBase64(image))),
      );
    },
  },
  linkai: { path: "/linkai/v1/images/generations", requestBody: bodyWith("images"), pictureHashes: openaiPictures },
  nebula: {
    path: "/nebula/v1/images/generations",
    requestBody: (model = PRO, references) =>
      references
        ? {
            model,
            response_format: "b64_json",
            contents: [
              {
                role: "user",
                parts: [{ text: "a cat" }, { image: dataUri(references.base64) }, { image: references.url }],
              },
            ],
          }
        : { model, prompt: "a cat" },
    pictureHashes: nebulaPictures,
  },
  "openai as base64": {
    path: "/v1/images/generations",
    requestBody: bodyWith("images", { response_format: "b64_json" }),
    pictureHashes: openaiPictures,
  },
  "openai as URL": {
    path: "/openai/v1/images/generations",
    requestBody: bodyWith("images", { response_format: "url" }),
    pictureHashes: openaiPictures,
  },
  "easel as JSON": {
    path: "/v1/generations",
    requestBody: (model, references) => ({
      model: model ?? PRO,
      prompt: "a cat",
      ...(references && { references: [{ data: references.base64 }, { url: references.url }] }),
    }),
    pictureHashes: async (answer, stage) => hashesOf(stage, (await jsonOf<{ images: Item[] }>(answer)).images),
  },
  "easel as picture": {
    path: "/easel/v1/generations",
    headers: { accept: "image/*" },
    requestBody: bodyWith("references"),
    pictureHashes: async (answer) => [await hashOf(answer)],
  },
};
