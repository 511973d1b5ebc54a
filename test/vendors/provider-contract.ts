import { expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { canonicalModel } from "../../src/image/catalog.ts";
import { fit } from "../../src/image/fit.ts";
import { validateSpec, type ModelSpec } from "../../src/image/model-spec.ts";
import type { ImageRequest } from "../../src/image/request.ts";
import type { Provider } from "../../src/vendors/vendor.ts";
import { JUNK, pathsIn, replaced, thrownBy } from "./junk.ts";
import { receive, sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { SAMPLE_REQUEST, bytesOf, referenceOf } from "./specimens.ts";
import type { Meaning, Subject } from "./subject.ts";

/** The contract of every provider: how it reads responses, valid or not, and that it sends the documented requests. */
export function providerContract(provider: Provider, { requests, meanings, answers = {} }: Subject): void {
  it("the specs of the provider's models are consistent", () => {
    for (const spec of Object.values(provider.models)) {
      expect(validateSpec(spec)).toBeUndefined();
      if (spec.referenceSchemes.length > 0) expect(spec.referenceSchemes).toContain("https");
    }
  });

  it.each(Object.entries(answers))("the provider finds the one picture in the response %s", (_, answer) => {
    const { wire } = receive(bytesOf(answer), new PictureStore());
    expect(provider.decode(200, wire, new Headers(), SAMPLE_REQUEST.request).images).toHaveLength(1);
  });

  it.each(Object.entries(answers))("the provider survives junk anywhere in the response %s", (_, answer) => {
    const { wire } = receive(bytesOf(answer), new PictureStore());
    for (const path of pathsIn(wire)) {
      for (const junk of JUNK) {
        for (const status of [200, 400, 503]) {
          const error = thrownBy(() =>
            provider.decode(status, replaced(wire, path, junk), new Headers(), SAMPLE_REQUEST.request),
          );
          if (error !== undefined) expect([path, junk, error]).toEqual([path, junk, expect.any(GatewayError)]);
          else expect(status).toBe(200);
        }
      }
    }
  });

  it("the provider throws for every error status, and for every 200 without a picture", () => {
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
        const error = thrownBy(() => provider.decode(status, wire, new Headers(), SAMPLE_REQUEST.request));
        expect([wire, status, error]).toEqual([wire, status, expect.any(GatewayError)]);
        expect((error as GatewayError).vendorStatus ?? status).toBe(status);
      }
    }
  });

  it("the provider reports a rejected operator key as a vendor error", () => {
    for (const status of [401, 403]) {
      const error = thrownBy(() =>
        provider.decode(status, { message: "bad key" }, new Headers(), SAMPLE_REQUEST.request),
      );
      expect(error).toMatchObject({ code: "vendor_error", retryable: false });
    }
  });

  it.each(Object.entries(requests))("the provider sends the request %s in the documented form", async (name, wire) => {
    const { request, spec, store } = fittedRequest(name, wire);
    const vendorRequest = provider.encode(request, spec);
    expect(provider.encode(request, spec)).toEqual(vendorRequest);
    expect(vendorRequest.path).toMatch(/^\/[\w/]+$/);
    const sent = await sendAndReceive(vendorRequest.body, store);
    const { wire: documented } = receive(bytesOf({ ...wire, ...meanings[name]?.sent }), new PictureStore());
    expect(sent.wire).toEqual(documented);
  });

  function fittedRequest(name: string, wire: object) {
    const store = new PictureStore();
    const { pictures } = receive(bytesOf(wire), store);
    const { request, references = [], turns } = meanings[name] as Meaning;
    const referencesOf = (urls: string[]) => urls.map((url) => referenceOf(url, pictures));
    const canonical = {
      n: 1,
      ...request,
      references: referencesOf(references),
      turns: turns?.map((turn) => ({ ...turn, references: referencesOf(turn.references) })),
    } as ImageRequest;
    const spec = provider.models[canonicalModel(canonical.model) ?? canonical.model] as ModelSpec;
    return { request: fit(canonical, spec).request, spec, store };
  }
}
