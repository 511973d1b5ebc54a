import { GatewayError } from "../../errors.ts";
import type { ModelSpec } from "../../image/models.ts";
import type { Cost } from "../../image/record.ts";
import type { ImageRequest, Reference } from "../../image/request.ts";
import { hoistedIndex, Inline, type Wire } from "../../image/wire.ts";
import { list, object, text } from "../loose.ts";
import { refusal, withoutPicture, WORDS } from "../refusals.ts";
import type { Carrier, Provider } from "../vendor.ts";
import { isFlux, models } from "./models.ts";
import { INPUT_IMAGES, safetyTolerance } from "./wire.ts";

/** atalk (海鲸AI) as called: vendor-docs, "图片生成 API". */
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
    const answer = object(wire);
    const code = answer["code"] ?? 0;
    const error = answer["error"] ?? undefined;
    // `msg` is documented, `message` is in its own sample code.
    const said = text(answer["msg"]) ?? text(answer["message"]) ?? text(object(error)["message"]) ?? text(error);
    if (status !== 200 || Number(code) !== 0 || error !== undefined) throw refuse(status, code, said);
    const images = list(answer["data"]).flatMap((item) => carrier(text(object(item)["image"])) ?? []);
    // Also where `usage.images_failed` counts it: 0 is no picture.
    if (images.length === 0) throw withoutPicture("atalk", [], said);
    const usage = answer["usage"] === undefined ? undefined : object(answer["usage"]);
    return { images, usage, cost: costOf(usage) };
  },
};

function imagesWire(references: readonly Reference[]): Record<string, Wire> {
  const wires = references.map((reference) => ("url" in reference ? reference.url : new Inline(reference.picture)));
  return Object.fromEntries(INPUT_IMAGES.map((field, index) => [field, wires[index]]));
}

/** The one field that nobody else has. Throws invalid_request. */
function toleranceOf({ providerOptions }: ImageRequest, { wireName }: ModelSpec): number | undefined {
  const asked = providerOptions?.["atalk"]?.["safety_tolerance"] ?? undefined;
  if (asked === undefined) return undefined;
  const field = "safety_tolerance";
  const parsed = safetyTolerance.safeParse(asked);
  if (!parsed.success)
    throw new GatewayError("invalid_request", `${field} must be a whole number from 0 to 5.`, { field });
  return isFlux(wireName) ? parsed.data : undefined;
}

/** The sample code tries 500 again as it does 429 and 503; words that tell more of a 500, as of moderation, come first. */
function refuse(status: number, code: unknown, said: string | undefined): GatewayError {
  const telling = WORDS.some(([, words]) => words.test((said ?? "").slice(0, 1000)));
  const inside = typeof code === "number" || typeof code === "string" ? code : undefined;
  return refusal("atalk", { status, code: inside, said, own: telling ? {} : { 500: "busy" } });
}

/** `type` says which it is, and so does the value. */
function carrier(image: string | undefined): Carrier | undefined {
  if (image === undefined) return undefined;
  const index = hoistedIndex(image);
  return index === undefined ? { url: image } : { hoisted: index };
}

/** 本次请求的费用(单位:人民币元). */
function costOf(usage: Record<string, unknown> | undefined): Cost | undefined {
  const amount = usage?.["cost"];
  return typeof amount === "number" && amount >= 0 ? { amount, currency: "CNY" } : undefined;
}
