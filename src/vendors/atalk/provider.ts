import { invalidField } from "../../errors.ts";
import type { ModelSpec } from "../../image/model-spec.ts";
import type { Cost } from "../../image/record.ts";
import type { ImageRequest, Reference } from "../../image/request.ts";
import { InlineImage, type Wire } from "../../image/wire.ts";
import { imageSource, asCode, asList, asObject, errorMessageIn } from "../response-fields.ts";
import { vendorError, classifyText, noImageError } from "../vendor-errors.ts";
import type { Provider } from "../vendor.ts";
import { isFlux, models } from "./models.ts";
import { INPUT_IMAGES, safetyTolerance } from "./wire.ts";

/** The format of atalk (海鲸AI) as the gateway calls it. Source: vendor-docs, "图片生成 API". */
export const provider: Provider = {
  name: "atalk",
  baseUrl: "https://api.atalk-ai.com",
  models,

  encode(request, spec) {
    return {
      path: "/images/generate",
      body: {
        model: spec.wireName,
        prompt: request.prompt,
        aspect_ratio: request.aspectRatio,
        width: request.width,
        height: request.height,
        ...imagesWire(request.references),
        seed: request.seed,
        safety_tolerance: toleranceOf(request, spec),
        output_format: request.outputFormat,
      },
    };
  },

  decode(status, wire) {
    const answer = asObject(wire);
    // `msg` is documented, `message` is in the vendor's own sample code.
    const message = errorMessageIn(answer);
    const isError = Number(answer["code"] ?? 0) !== 0 || (answer["error"] ?? undefined) !== undefined;
    if (status !== 200 || isError) {
      // The sample code retries 500, 429 and 503. A message that is more precise, such as one about moderation, comes
      // first.
      const kinds = classifyText(message ?? "") === undefined ? ({ 500: "busy" } as const) : {};
      throw vendorError("atalk", { status, code: asCode(answer["code"]), message, kinds });
    }
    // `type` says whether the value is a URL or base64, but the value alone shows it too.
    const images = asList(answer["data"]).flatMap((item) => imageSource(asObject(item)["image"]) ?? []);
    // Even if `usage.images_failed` counts it: a response without pictures is an error here.
    if (images.length === 0) throw noImageError("atalk", [], message);
    const usage = answer["usage"] === undefined ? undefined : asObject(answer["usage"]);
    return { images, usage, cost: costOf(usage) };
  },
};

function imagesWire(references: readonly Reference[]): Record<string, Wire> {
  const wires = references.map((reference) =>
    "url" in reference ? reference.url : new InlineImage(reference.picture),
  );
  return Object.fromEntries(INPUT_IMAGES.map((field, index) => [field, wires[index]]));
}

/** Read safety_tolerance, the one option that only this vendor has. Throws invalid_request. */
function toleranceOf({ providerOptions }: ImageRequest, { wireName }: ModelSpec): number | undefined {
  const requested = providerOptions?.["atalk"]?.["safety_tolerance"] ?? undefined;
  if (requested === undefined) return undefined;
  const parsed = safetyTolerance.safeParse(requested);
  if (!parsed.success) throw invalidField("safety_tolerance", "must be a whole number from 0 to 5");
  return isFlux(wireName) ? parsed.data : undefined;
}

/** The cost of the request, 本次请求的费用(单位:人民币元). */
function costOf(usage: Record<string, unknown> | undefined): Cost | undefined {
  const amount = usage?.["cost"];
  return typeof amount === "number" && amount >= 0 ? { amount, currency: "CNY" } : undefined;
}
