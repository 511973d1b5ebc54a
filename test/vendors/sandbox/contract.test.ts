import { describe } from "vitest";
import { sandbox } from "../../../src/vendors/sandbox/index.ts";
import { contract } from "../contract.ts";

const plain = { prompt: "a cat", model: "sandbox", width: 1024, height: 1024, seed: 0, n: 1, references: 0 };
const request = { model: "sandbox", prompt: "a cat" };
const reference = "https://example.com/a.png";
const url = "https://sandbox.invalid/picture?width=1024";

// The sandbox has no document except its own wire.ts, and no dialect: these are the requests that its provider sends.
describe("the sandbox as a vendor", () => {
  contract({
    vendor: sandbox,
    requests: {
      "a prompt": plain,
      "pixels, a seed and several": { ...plain, width: 640, height: 333, seed: 7, n: 3 },
      "a ratio and a size": { ...plain, width: 2896, height: 1448 },
      "a reference": { ...plain, references: 1_800_218_663 },
    },
    meanings: {
      "a prompt": { request },
      "pixels, a seed and several": { request: { ...request, width: 640, height: 333, seed: 7, n: 3 } },
      "a ratio and a size": { request: { ...request, size: "2K", aspectRatio: "2:1" } },
      "a reference": { request, references: [reference] },
    },
    answers: { "a picture": { pictures: [{ url }] }, "a picture and text": { pictures: [{ url }], text: "a cat" } },
    statuses: [],
  });
});
