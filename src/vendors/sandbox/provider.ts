import * as z from "zod/mini";
import { GatewayError } from "../../errors.ts";
import type { Reference } from "../../image/request.ts";
import { pixelsOf } from "../../image/size.ts";
import type { VendorResult, Provider } from "../vendor.ts";
import { handleRequest } from "./server.ts";
import { hash } from "./landscape/random.ts";
import { models } from "./models.ts";
import { Answer, type DrawBody, ErrorAnswer } from "./wire.ts";

/** The sandbox as the gateway calls it: nothing leaves the process, `handleRequest` replaces the network. */
export const provider: Provider = {
  name: "sandbox",
  baseUrl: "https://sandbox.invalid",
  models,
  encode(request, { pixels, defaultSize, defaultRatio }) {
    const body = {
      prompt: request.prompt,
      // Not the spec's wire name: the sandbox generates another picture for each model that it replaces.
      model: request.model,
      ...(request.width !== undefined && request.height !== undefined
        ? { width: request.width, height: request.height }
        : pixelsOf(pixels, defaultSize ?? "1K", request.aspectRatio ?? defaultRatio ?? "1:1", 1)),
      // Without a seed, the same request still generates the same picture, so that clients can test with it.
      seed: request.seed ?? 0,
      n: request.n,
      references: hashReferences(request.references),
    } satisfies DrawBody;
    return { path: "/draw", body };
  },
  decode(status, wire, headers): VendorResult {
    if (status !== 200) throw errorOf(status, wire, headers);
    const { data } = z.safeParse(Answer, wire);
    const images = (data?.pictures ?? []).map(({ url }) => ({ url }));
    if (images.length > 0) return { images, text: data?.text };
    const reason = data?.text ? `: ${data.text}` : ".";
    throw new GatewayError("no_image", `The sandbox answered without a picture${reason}`, { vendorStatus: status });
  },
  localFetch: handleRequest,
};

/** Hash a set of references. Their bytes are not read: type and sizes identify a stored picture, its key does not. */
function hashReferences(references: Reference[]): number {
  if (references.length === 0) return 0;
  const identities = references.map((reference) => {
    if ("url" in reference) return reference.url;
    const { type, width, height, bytes } = reference.picture;
    return [type, width, height, bytes];
  });
  return hash(JSON.stringify(identities));
}

function errorOf(status: number, wire: unknown, headers: Headers): GatewayError {
  const { data } = z.safeParse(ErrorAnswer, wire);
  const message = data?.error.message ?? `The sandbox answered ${status}.`;
  const detail = { vendorStatus: status };
  if (data?.error.code === "content_rejected") return new GatewayError("content_rejected", message, detail);
  switch (status) {
    case 400:
      return new GatewayError("invalid_request", message, detail);
    case 402:
      return new GatewayError("insufficient_credit", message, detail);
    case 429: {
      const seconds = Number(headers.get("retry-after") ?? Number.NaN);
      return new GatewayError("rate_limited", message, { ...detail, retryAfter: seconds >= 0 ? seconds : undefined });
    }
    default:
      return new GatewayError("vendor_error", message, { ...detail, retryable: status === 503 });
  }
}
