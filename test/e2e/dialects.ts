import { sha256 } from "../sim/index.ts";
import { hashOf, jsonOf, PRO, type Stage } from "./stage.ts";

/** How a client of each dialect asks for a picture, and where it finds the pictures of an answer. */
export interface DialectUse {
  path: string;
  headers?: Record<string, string>;
  /** A body; with references: one inline (as base64 of a PNG), one behind a URL. */
  ask(model: string | undefined, references?: { base64: string; url: string }): object;
  /** SHA-256 of each picture in an answer, fetched where it is behind a URL. */
  pictures(answer: Response, stage: Stage): Promise<string[]>;
}

interface Item {
  url?: string;
  b64_json?: string;
}

const dataUri = (base64: string) => `data:image/png;base64,${base64}`;
const decoded = (base64: string) => sha256(Buffer.from(base64, "base64"));
const fetched = (stage: Stage, url: string) => hashOf(stage.easel.fetch(url));
const found = (stage: Stage, items: readonly Item[]) =>
  Promise.all(
    items.map(async ({ url, b64_json }) => (b64_json ? decoded(b64_json) : fetched(stage, url ?? "no picture"))),
  );

const images =
  (path: string, more: object = {}): DialectUse["ask"] =>
  (model = PRO, references) => ({
    model,
    prompt: "a cat",
    ...more,
    ...(references && { [path]: [dataUri(references.base64), references.url] }),
  });

const openai = async (answer: Response, stage: Stage) => found(stage, (await jsonOf<{ data: Item[] }>(answer)).data);
const nebula = async (answer: Response, stage: Stage) =>
  found(stage, (await jsonOf<{ data: { data: Item[] } }>(answer)).data.data);

export const DIALECTS: Record<string, DialectUse> = {
  listenhub: {
    path: "/v1/images/generation",
    ask: (model, references) => ({
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
    pictures: async (answer) => {
      interface Part {
        inlineData?: { data: string };
        thought?: boolean;
      }
      const { candidates } = await jsonOf<{ candidates: { content: { parts: Part[] } }[] }>(answer);
      const parts = candidates.flatMap(({ content }) => content.parts);
      return parts.flatMap((part) => (part.inlineData && !part.thought ? decoded(part.inlineData.data) : []));
    },
  },
  xty: {
    path: "/v1/chat/completions",
    ask: (model = PRO, references) => ({
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
    pictures: async (answer, stage) => {
      const { choices } = await jsonOf<{ choices: { message: { content: string } }[] }>(answer);
      const urls = choices.map(
        ({ message }) => /!\[[^\]]*\]\((http[^)]+)\)/.exec(message.content)?.[1] ?? "no picture",
      );
      return Promise.all(urls.map((url) => fetched(stage, url)));
    },
  },
  atalk: {
    path: "/images/generate",
    ask: (model = PRO, references) => ({
      model,
      prompt: "a cat",
      ...(references && { input_image: references.base64, input_image_2: references.url }),
    }),
    pictures: async (answer, stage) => {
      const { data } = await jsonOf<{ data: { type: "url" | "base64"; image: string }[] }>(answer);
      return Promise.all(
        data.map(async ({ type, image }) => (type === "url" ? fetched(stage, image) : decoded(image))),
      );
    },
  },
  linkai: { path: "/linkai/v1/images/generations", ask: images("images"), pictures: openai },
  nebula: {
    path: "/nebula/v1/images/generations",
    ask: (model = PRO, references) =>
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
    pictures: nebula,
  },
  "openai as base64": {
    path: "/v1/images/generations",
    ask: images("images", { response_format: "b64_json" }),
    pictures: openai,
  },
  "openai as URL": {
    path: "/openai/v1/images/generations",
    ask: images("images", { response_format: "url" }),
    pictures: openai,
  },
  "easel as JSON": {
    path: "/v1/generations",
    ask: (model, references) => ({
      model: model ?? PRO,
      prompt: "a cat",
      ...(references && { references: [{ data: references.base64 }, { url: references.url }] }),
    }),
    pictures: async (answer, stage) => found(stage, (await jsonOf<{ images: Item[] }>(answer)).images),
  },
  "easel as picture": {
    path: "/easel/v1/generations",
    headers: { accept: "image/*" },
    ask: images("references"),
    pictures: async (answer) => [await hashOf(answer)],
  },
};
