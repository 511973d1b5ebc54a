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

interface Answer {
  data: { url: string }[];
}
const ask = () => stage.post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" });

describe("a picture that the vendor points at", () => {
  const first = png({ bytes: 9_000, seed: 7 });
  const good: [string, LinkAIBehaviour][] = [
    ["inline", { base64: true, pictures: [first] }],
    ["as a data URI", { urls: [`data:image/png;base64,${first.bytes.toString("base64")}`] }],
    ["behind a redirect", { pictures: [first], cdn: { redirect: 2 } }],
    ["with the wrong type and no length", { pictures: [first], cdn: { type: "text/plain", contentLength: "none" } }],
    ["gzipped though not asked", { pictures: [first], cdn: { encoding: "gzip", contentLength: "none" } }],
    [
      "beside an error that is null",
      { body: `{"error":null,"data":[{"b64_json":"${first.bytes.toString("base64")}"}]}` },
    ],
  ];
  it.each(good)("%s", async (_, how) => {
    stage.linkai.next(how);
    const answer = await ask();
    const { data } = await jsonOf<Answer>(answer);
    expect(data[0]?.url).toContain(stage.easel.url);
    expect(await hashOf(stage.easel.fetch(data[0]?.url ?? ""))).toBe(first.sha256);
    for (const { headers } of stage.linkai.downloads()) expect(JSON.stringify(headers)).not.toContain(LINKAI_KEY);
  });

  it("several are all kept, in order", async () => {
    const pictures = [jpeg(1), jpeg(2), png()];
    stage.linkai.next({ pictures });
    const { data } = await jsonOf<Answer>(ask());
    const hashes = await Promise.all(data.map(({ url }) => hashOf(stage.easel.fetch(url))));
    expect(hashes).toEqual(pictures.map(({ sha256 }) => sha256));
  });

  const bad: [string, (away: string) => LinkAIBehaviour][] = [
    ["HTML", () => ({ cdn: { body: HTML_PAGE, type: "image/png" } })],
    ["SVG", () => ({ pictures: [disguised("svg")] })],
    ["one that is cut short", () => ({ pictures: [first], cdn: { cutAt: 5_000 } })],
    ["not there", () => ({ cdn: { status: 404 } })],
    ["on a strange host", (away) => ({ urls: [`${away}/a.png`] })],
    ["behind a redirect to a strange host", (away) => ({ cdn: { redirect: `${away}/a.png` } })],
    ["behind too many redirects", () => ({ cdn: { redirect: 9 } })],
    ["on a private address", () => ({ urls: ["https://169.254.169.254/latest"] })],
    ["no URL at all", () => ({ urls: ["cat.png"] })],
  ];
  it.each(bad)("%s is refused, and nothing of it is kept", async (_, how) => {
    stage.linkai.next(how(stranger.origin));
    const answer = await ask();
    expect(answer.status).toBe(503);
    await answer.arrayBuffer();
    expect(stranger.seen).toEqual([]);
    expect(await stage.keys(`pictures/${answer.headers.get("easel-generation")}`)).toEqual([]);
  });
});
