import { STATUS } from "../../errors.ts";
import { DEFAULT_MODEL } from "../../image/catalog.ts";
import { errorWire, recordWire } from "../../image/record.ts";
import { readPicture, readReference } from "../references.ts";
import { parseWire } from "../strict.ts";
import type { Dialect } from "../vendor.ts";
import { prefersPicture } from "./accept.ts";
import { requestWire } from "./wire.ts";

const SCHEMES = ["https", "http", "gs"];

/** Our own dialect: the canonical request in, the record out, or with `Accept: image/*` the first picture itself. */
export const dialect: Dialect = {
  name: "easel",
  paths: ["/v1/generations"],

  decode(wire, pictures, headers) {
    const { references = [], ...asked } = parseWire(requestWire, wire);
    return {
      request: {
        ...asked,
        model: asked.model ?? DEFAULT_MODEL,
        n: asked.n ?? 1,
        references: references.map((reference, index) => {
          const field = `references[${index}]`;
          if (typeof reference === "string") return readReference(reference, pictures, field, SCHEMES);
          if ("url" in reference) return readReference(reference.url, pictures, `${field}.url`, SCHEMES);
          return readPicture(reference.data, pictures, `${field}.data`);
        }),
      },
      warnings: [],
      as: prefersPicture(headers.get("accept")) ? "picture" : "url",
    };
  },

  encode: recordWire,

  fail(error) {
    return { status: STATUS[error.code], body: errorWire(error) };
  },
};
