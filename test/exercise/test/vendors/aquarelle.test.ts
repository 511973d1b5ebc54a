import { describe, expect, it } from "vitest";
import { aquarelle } from "../../src/vendors/aquarelle/index.ts";
import answers from "../fixtures/aquarelle/answers.json" with { type: "json" };
import errors from "../fixtures/aquarelle/errors.json" with { type: "json" };
import requests from "../fixtures/aquarelle/requests.json" with { type: "json" };
import { contract } from "./contract.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST, INLINE } from "./specimens.ts";

const KITE = requests["With a stencil"];
/** The second picture of a request. */
const mask = { picture: { key: "picture-1", type: "image/png", width: 20, height: 10, bytes: INLINE.length } };

const decodeWith = (more: object) =>
  aquarelle.dialect?.decode({ ...KITE, sources: [], stencil: null, ...more }, [], new Headers());
const imagesIn = (status: number, wire: unknown) =>
  aquarelle.provider?.decode(status, wire, new Headers(), SAMPLE_REQUEST.request).images;

describe("Aquarelle", () => {
  contract({
    vendor: aquarelle,
    requests,
    meanings: {
      "Words only": {
        request: {
          model: "aquarelle-1",
          prompt: requests["Words only"].text,
          n: 2,
          size: "1K",
          aspectRatio: "3:2",
          seed: 7,
        },
      },
      "From pictures": {
        request: { model: "gpt-image-2", prompt: requests["From pictures"].text, size: "2K", aspectRatio: "16:9" },
        references: ["inline", "https://example.com/table.jpg"],
      },
      "With a stencil": {
        request: { model: "gpt-image-2", prompt: KITE.text, size: "1K", aspectRatio: "1:1", mask },
        references: ["inline"],
        sent: { format: { ratio: "1:1", tier: "1K" } },
      },
    },
    answers,
    // "What goes wrong"
    statuses: [400, 401, 402, 404, 422, 429, 500, 503],
    readBack: {
      payload_too_large: "invalid_request",
      idempotency_conflict: "invalid_request",
      // The key that the vendor rejects is the operator's.
      unauthorized: "vendor_error",
      forbidden: "vendor_error",
      vendor_timeout: "vendor_error",
      no_image: "vendor_error",
      internal: "vendor_error",
    },
  });

  it.each([
    [{ sheets: 5 }, "sheets", "at most 4"],
    [{ format: { tier: "8K" } }, "format.tier", "one of 1K, 2K, 4K"],
    [{ format: { ratio: "4:5" } }, "aspectRatio", "allowed: 1:1, 2:3, 3:2, 9:16, 16:9"],
    [{ sources: [{ kind: "path", value: "a.png" }] }, "sources[0].kind", '{kind: "uri", value}'],
    [{ sources: ["https://example.com/a.png"] }, "sources[0]", '{kind: "uri", value}'],
    [{ sources: [{ kind: "uri", value: "http://example.com/a.png" }] }, "sources[0].value", "https://"],
    [{ stencil: { kind: "data", value: "hoisted:0" } }, "stencil.media", "one of image/png, image/jpeg, image/webp"],
    [{ random: 2 ** 32 }, "random", "at most 4294967295"],
  ])("the dialect rejects %j", (more, field, allowed) => {
    const message = expect.stringContaining(allowed) as string;
    expect(thrownBy(() => decodeWith(more))).toMatchObject({ code: "invalid_request", field, message });
  });

  it("the dialect warns about unknown fields", () => {
    expect(decodeWith({ colour: "blue", format: { size: "A4" } })?.warnings).toEqual([
      "colour is not a field here and was ignored",
      "format.size is not a field here and was ignored",
    ]);
  });

  it("the provider reads the vendor's errors, also with status 200", () => {
    for (const status of [422, 200])
      expect(thrownBy(() => imagesIn(status, errors["422"]))).toMatchObject({
        code: "content_rejected",
        message: "aquarelle: This motif is not painted here.",
      });
    expect(thrownBy(() => imagesIn(503, errors["503"]))).toMatchObject({ code: "vendor_error", retryable: true });
    expect(thrownBy(() => imagesIn(200, { ok: true, sheets: [{ data: "" }] }))).toMatchObject({ code: "no_image" });
  });
});
