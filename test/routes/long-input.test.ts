import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { app } from "../../src/app.ts";
import { GatewayError } from "../../src/errors.ts";
import { parseUrl } from "../../src/vendors/reference-fields.ts";
import { parseWire } from "../../src/vendors/request-schema.ts";
import { readText } from "../../src/vendors/xty/message-pictures.ts";
import { parseDirectives } from "../../src/vendors/sandbox/directives.ts";

/** Each of these took minutes with a backtracking search. */
describe("long input takes linear time", () => {
  it("a long path without a route is refused in linear time", async () => {
    for (const path of [`/s/${"/".repeat(200_000)}%0A`, `/images/${"/".repeat(200_000)}%E2%80%A8`])
      for (const method of ["GET", "OPTIONS"]) {
        const ctx = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
        const answer = await app.request(`http://easel.test${path}`, { method }, {}, ctx);
        expect(answer.status).toBe(404);
      }
  });

  it("a long host of a URL is parsed in linear time", () => {
    const distinct = (from: number) => Array.from({ length: 5_000 }, (_, n) => String.fromCodePoint(from + n)).join("");
    const links = Array.from({ length: 500 }, (_, n) => `https://${distinct(0x4e00 + n)}.example/a.png`);
    for (const link of links) expect(parseUrl(link)).toBeNull();
    expect(readText(links.join(" ")).pictures).toEqual([]);
    for (const slashes of ["", "/", "///", "\\\\", "/\n/"])
      expect(parseUrl(`https:${slashes}${distinct(0x4e00)}`)).toBeNull();
    expect(parseUrl("https://例え.example/a.png")?.host).toBe("xn--r8jz45g.example");
  });

  it("a prompt with many unclosed directives is parsed in linear time", () => {
    const prompt = "[sandbox:".repeat(60_000);
    expect(parseDirectives(prompt).prompt).toBe(prompt);
    expect(parseDirectives(`[sandbox:refuse] a cat [sandbox:`)).toMatchObject({
      outcome: "refuse",
      prompt: "a cat [sandbox:",
    });
  });
});

it("a list with very many invalid entries is refused as invalid, without an internal error", () => {
  const schema = z.strictObject({ nested: z.array(z.strictObject({ text: z.string() })) });
  expect(() => parseWire(schema, { nested: Array.from({ length: 300_000 }, () => 1) })).toThrow(GatewayError);
});
