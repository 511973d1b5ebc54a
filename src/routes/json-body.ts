import { GatewayError } from "../errors.ts";
import { BadBody } from "../stream/bad-body.ts";
import { readJson } from "../stream/read-json.ts";
import { type AppContext, settings } from "./context.ts";

const BYTES = 64 * 1024;

/** A small JSON body, of names and numbers. Throws invalid_request or payload_too_large. */
export async function jsonBody(c: AppContext): Promise<unknown> {
  const { body } = c.req.raw;
  if (body === null) throw new GatewayError("invalid_request", "The body is empty: send JSON.");
  const { requestMs, jsonDepth: depth } = settings(c).limits;
  const signal = AbortSignal.timeout(requestMs);
  const open = () => {
    throw new BadBody("The body holds base64, which has no place here.");
  };
  const pictures = { open, drain: () => Promise.resolve() };
  try {
    return await readJson(body, { pictures, bytes: BYTES, jsonBytes: BYTES, depth, signal, leaveRest: true });
  } catch (cause) {
    const { tooLarge, message, field } = cause instanceof BadBody ? cause : new BadBody("The body broke off.");
    throw new GatewayError(tooLarge ? "payload_too_large" : "invalid_request", message, { field, cause });
  }
}
