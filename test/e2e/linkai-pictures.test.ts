import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { disguised, HTML_PAGE, jpeg, png, startStranger } from "../sim/index.ts";
import type { LinkAIBehaviour, Stranger } from "../sim/index.ts";
import { hashOf, jsonOf, LINKAI_KEY, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
let stranger: Stranger;
beforeAll(async () => {
  stage = await startStage({ cdnElsewhere: true });
  stranger = await startStranger();
});
beforeEach(() => {
  stage.reset();
  stranger.reset();
});
afterAll(() => Promise.all([stage.stop(), stranger.stop()]));

interface ImagesResponse {
  data: { url: string }[];
}
const requestPicture = () => stage.post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" });

describe("pictures in LinkAI's response", () => {
  const first = png({ bytes: 9_000, seed: 7 });
  const accepted: [name: string, LinkAIBehaviour][] = [
    ["inline", { base64: true, pictures: [first] }],
    ["as a data URI", { urls: [`data:image/png;base64,${first.bytes.toString("base64")}`] }],
    ["behind a redirect", { pictures: [first], cdn: { redirect: 2 } }],
    ["with the wrong type and no length", { pictures: [first], cdn: { type: "text/plain", contentLength: "none" } }],
    ["gzipped without being requested", { pictures: [first], cdn: { encoding: "gzip", contentLength: "none" } }],
    [
      "next to an error that is null",
      { body: `{"error":null,"data":[{"b64_json":"${first.bytes.toString("base64")}"}]}` },
    ],
  ];
  it.each(accepted)("a picture %s is stored and served at a gateway URL", async (_, how) => {
    stage.linkai.next(how);
    const answer = await requestPicture();
    const { data } = await jsonOf<ImagesResponse>(answer);
    expect(data[0]?.url).toContain(stage.easel.url);
    expect(await hashOf(stage.easel.fetch(data[0]?.url ?? ""))).toBe(first.sha256);
    for (const { headers } of stage.linkai.downloads()) expect(JSON.stringify(headers)).not.toContain(LINKAI_KEY);
  });

  it("several pictures are all stored, in order", async () => {
    const pictures = [jpeg(1), jpeg(2), png()];
    stage.linkai.next({ pictures });
    const { data } = await jsonOf<ImagesResponse>(requestPicture());
    const hashes = await Promise.all(data.map(({ url }) => hashOf(stage.easel.fetch(url))));
    expect(hashes).toEqual(pictures.map(({ sha256 }) => sha256));
  });

  const rejected: [name: string, behaviour: (strangerOrigin: string) => LinkAIBehaviour][] = [
    ["an HTML page served as image/png", () => ({ cdn: { body: HTML_PAGE, type: "image/png" } })],
    ["an SVG picture", () => ({ pictures: [disguised("svg")] })],
    ["a picture that is cut short", () => ({ pictures: [first], cdn: { cutAt: 5_000 } })],
    ["a URL that responds 404", () => ({ cdn: { status: 404 } })],
    ["a URL on an untrusted host", (strangerOrigin) => ({ urls: [`${strangerOrigin}/a.png`] })],
    ["a redirect to an untrusted host", (strangerOrigin) => ({ cdn: { redirect: `${strangerOrigin}/a.png` } })],
    ["a chain of too many redirects", () => ({ cdn: { redirect: 9 } })],
    ["a URL of a private address", () => ({ urls: ["https://169.254.169.254/latest"] })],
    ["a string that is no URL", () => ({ urls: ["cat.png"] })],
  ];
  it.each(rejected)("%s is rejected, and nothing of it is stored", async (_, how) => {
    stage.linkai.next(how(stranger.origin));
    const answer = await requestPicture();
    expect(answer.status).toBe(503);
    await answer.arrayBuffer();
    expect(stranger.seen).toEqual([]);
    expect(await stage.keys(`pictures/${answer.headers.get("easel-generation")}`)).toEqual([]);
  });
});
