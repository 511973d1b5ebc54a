import { STATUS } from "../../errors.ts";
import { DEFAULT_MODEL } from "../../image/catalog.ts";
import { recordWire } from "../../image/record.ts";
import type { Dialect } from "../vendor.ts";
import { parseWire, readReference } from "../wire.ts";
import { requestWire } from "./wire.ts";

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
          const text = typeof reference === "string" ? reference : "url" in reference ? reference.url : reference.data;
          return readReference(text, pictures, `references[${index}]`, ["https", "http", "gs"]);
        }),
      },
      warnings: [],
      as: /^image\//.test(headers.get("accept") ?? "") ? "picture" : "url",
    };
  },

  encode: recordWire,

  fail(error) {
    return { status: STATUS[error.code], body: { error: { code: error.code, message: error.message, field: error.field } } };
  },
};
