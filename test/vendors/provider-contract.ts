import { expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { canonicalModel } from "../../src/image/catalog.ts";
import { fit } from "../../src/image/fit.ts";
import { validateSpec, type ModelSpec } from "../../src/image/model-spec.ts";
import type { ImageRequest } from "../../src/image/request.ts";
import type { Provider } from "../../src/vendors/vendor.ts";
import { JUNK, pathsIn, replaced, thrownBy } from "./junk.ts";
import { arrive, overTheWire, Shelf } from "./over-the-wire.ts";
import { ASKED, bytesOf, referenceOf } from "./specimens.ts";
import type { Meaning, Subject } from "./subject.ts";

/** What every provider makes of answers, good and bad, and that it sends what the document has. */
export function providerContract(provider: Provider, { requests, meanings, answers = {} }: Subject): void {
  it("says what it can do with each model consistently", () => {
    for (const spec of Object.values(provider.models)) {
      expect(validateSpec(spec)).toBeUndefined();
      if (spec.referenceSchemes.length > 0) expect(spec.referenceSchemes).toContain("https");
    }
  });

  it.each(Object.entries(answers))("finds the one picture in %s", (_, answer) => {
    const { wire } = arrive(bytesOf(answer), new Shelf());
    expect(provider.decode(200, wire, new Headers(), ASKED.request).images).toHaveLength(1);
  });

  it.each(Object.entries(answers))("survives junk anywhere in %s", (_, answer) => {
    const { wire } = arrive(bytesOf(answer), new Shelf());
    for (const path of pathsIn(wire)) {
      for (const junk of JUNK) {
        for (const status of [200, 400, 503]) {
          const error = thrownBy(() =>
            provider.decode(status, replaced(wire, path, junk), new Headers(), ASKED.request),
          );
          if (error !== undefined) expect([path, junk, error]).toEqual([path, junk, expect.any(GatewayError)]);
          else expect(status).toBe(200);
        }
      }
    }
  });

  it("answers no error with a picture, and no nothing with success", () => {
    for (const wire of [
      undefined,
      null,
      {},
      [],
      "",
      "an HTML page",
      { error: "no" },
      { error: {} },
      { data: [] },
      { candidates: [] },
    ]) {
      for (const status of [200, 400, 401, 402, 404, 429, 500, 503]) {
        const error = thrownBy(() => provider.decode(status, wire, new Headers(), ASKED.request));
        expect([wire, status, error]).toEqual([wire, status, expect.any(GatewayError)]);
        expect((error as GatewayError).vendorStatus ?? status).toBe(status);
      }
    }
  });

  it("holds the operator's key against nobody", () => {
    for (const status of [401, 403]) {
      const error = thrownBy(() => provider.decode(status, { message: "bad key" }, new Headers(), ASKED.request));
      expect(error).toMatchObject({ code: "vendor_error", retryable: false });
    }
  });

  it.each(Object.entries(requests))("sends %s as the document has it", async (name, wire) => {
    const { request, spec, shelf } = asDecoded(name, wire);
    const outgoing = provider.encode(request, spec);
    expect(provider.encode(request, spec)).toEqual(outgoing);
    expect(outgoing.path).toMatch(/^\/[\w/]+$/);
    const sent = await overTheWire(outgoing.body, shelf);
    const { wire: documented } = arrive(bytesOf({ ...wire, ...meanings[name]?.sent }), new Shelf());
    expect(sent.wire).toEqual(documented);
  });

  function asDecoded(name: string, wire: object) {
    const shelf = new Shelf();
    const { pictures } = arrive(bytesOf(wire), shelf);
    const { request, references = [], turns } = meanings[name] as Meaning;
    const known = (urls: string[]) => urls.map((url) => referenceOf(url, pictures));
    const asked = {
      n: 1,
      ...request,
      references: known(references),
      turns: turns?.map((turn) => ({ ...turn, references: known(turn.references) })),
    } as ImageRequest;
    const spec = provider.models[canonicalModel(asked.model) ?? asked.model] as ModelSpec;
    return { request: fit(asked, spec).request, spec, shelf };
  }
}
