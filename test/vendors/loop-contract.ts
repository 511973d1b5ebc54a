import { expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { canonicalModel } from "../../src/image/catalog.ts";
import { fit } from "../../src/image/fit.ts";
import type { ModelSpec } from "../../src/image/model-spec.ts";
import type { ImageRequest, Reference, Turn } from "../../src/image/request.ts";
import type { Dialect, Provider } from "../../src/vendors/vendor.ts";
import { webp } from "../image/pictures.ts";
import { thrownBy } from "./junk.ts";
import { sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { SAMPLE_REQUEST, CODES, sampleRecord, INLINE } from "./specimens.ts";
import type { Subject } from "./subject.ts";

const URL_REFERENCE = "https://example.com/reference.png";

/** The contract of both directions: what one of them encodes, the other one decodes to the same value. */
export function loopContract(dialect: Dialect, provider: Provider, { readBack = {}, words = {} }: Subject): void {
  // A model that is off is not in the document, and the dialect does not have to know it.
  const documented = Object.entries(provider.models).filter(([, { off = false }]) => !off);
  const cases = documented.flatMap(([model, spec]) =>
    variants(spec).flatMap((more) =>
      (spec.turns ? [false, true] : [false]).map((hasTurns) => ({ model, spec, more, hasTurns })),
    ),
  );

  it.each(cases)(
    "the dialect decodes the provider's request for $model with $more, turns: $hasTurns",
    async ({ model, spec, more, hasTurns }) => {
      const store = new PictureStore();
      const picture = { picture: store.put(INLINE) };
      const references: Reference[] = [
        picture,
        // A vendor that does not accept URLs never gets one.
        spec.referenceSchemes.length === 0 ? picture : { url: URL_REFERENCE },
        { picture: store.put(webp.lossy(9, 9)) },
      ];
      const turns: Turn[] = [
        { role: "user", text: "a dog", references: [{ picture: store.put(webp.lossy(8, 8)) }] },
        { role: "model", references: [picture] },
      ];
      const canonical = {
        model,
        prompt: 'a "cat"\n\u2028 一只猫',
        n: 1,
        references,
        turns: hasTurns ? turns : [],
        ...more,
      };
      const { request } = fit(canonical, spec);
      const { wire, pictures } = await sendAndReceive(provider.encode(request, spec).body, store);
      const parsed = dialect.decode(wire, pictures, new Headers());
      const bytes = (reference: Reference) => ("url" in reference ? reference.url : store.get(reference.picture));
      const comparable = ({ model, references, turns, ...rest }: ImageRequest) => ({
        ...rest,
        model: canonicalModel(model),
        references: references.map(bytes),
        turns: turns?.map((turn) => ({ ...turn, references: turn.references.map(bytes) })),
      });
      expect(comparable(parsed.request)).toEqual(comparable(request));
      expect(parsed.warnings).toEqual([]);
    },
  );

  it("the provider decodes the dialect's response to the same pictures", async () => {
    const store = new PictureStore();
    const record = sampleRecord(store);
    const { wire, pictures } = await sendAndReceive(
      dialect.encode(record, { ...SAMPLE_REQUEST, responseFormat: "url" }),
      store,
    );
    const { images } = provider.decode(200, wire, new Headers(), SAMPLE_REQUEST.request);
    expect(images).toHaveLength(2);
    images.forEach((source, index) => {
      const image = record.images[index];
      if (image === undefined) throw new Error("more pictures came back");
      if ("url" in source) expect(source.url).toBe(image.url);
      else expect(store.get(pictures[source.hoisted] ?? image)).toEqual(store.get(image));
    });
  });

  it.each(CODES)(
    "the provider decodes the dialect's error %s to the same code, or to the one its wire has for it",
    async (code) => {
      const { status, body } = dialect.encodeError(new GatewayError(code, "as the test says"), "req-1");
      const { wire } = await sendAndReceive(body, new PictureStore());
      const error = thrownBy(() => provider.decode(status, wire, new Headers(), SAMPLE_REQUEST.request));
      expect(error).toMatchObject({
        code: readBack[code] ?? code,
        message: expect.stringContaining(words[code] ?? "as the test says") as string,
      });
    },
  );
}

/** Every ratio and size that a model supports, and every quality. */
function variants(spec: ModelSpec): Partial<ImageRequest>[] {
  const sizes = spec.sizes.length === 0 ? [undefined] : spec.sizes;
  const ratios = spec.ratios.length === 0 ? [undefined] : spec.ratios;
  const shapes = sizes.flatMap((size) => ratios.map((aspectRatio) => ({ size, aspectRatio })));
  return [...shapes, ...spec.qualities.map((quality) => ({ ...shapes[0], quality }))];
}
