import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";
import { parseJson, Refusal } from "./json.ts";
import type { Json } from "./json.ts";
import type { Seen } from "./record.ts";
import type { Exchange } from "./server.ts";

/** The scripted response of any vendor, in addition to its pictures. */
export interface VendorBehaviour extends Delivery {
  /** An error in the documented form, with `status` (by default the vendor's usual one); 200 has been seen too. */
  error?: { message?: string };
  /** The error's message repeats the received credential. */
  echoKey?: boolean;
  /** These bytes instead of the vendor's JSON. */
  body?: Buffer | string;
  /** The content type of the response. */
  type?: string;
}

/** The parts in which vendors differ. */
export interface Vendor<Behaviour extends VendorBehaviour> {
  path: string;
  key: string;
  /** True if it also accepts the key without `Bearer`. */
  bareKey?: boolean;
  /** Its messages for an invalid key, a body that is not JSON, and a failure. */
  words: { key: string; json: string; failed: string };
  /** The default status of an error. */
  errorStatus: number;
  /** Throw a Refusal for a body that the document does not allow. Returns the parts to record. */
  check(body: Json | undefined): Pick<Seen, "body" | "ignored">;
  success(how: Behaviour): { body: Buffer | string; type: string };
  /** Write an error in the documented form. */
  failure(status: number, message: string, how: Behaviour): Json;
}

/** Reject an invalid request with the vendor's message, or respond to it as scripted. */
export async function handleExchange<Behaviour extends VendorBehaviour>(
  exchange: Exchange<Behaviour>,
  vendor: Vendor<Behaviour>,
): Promise<void> {
  const refusal = checkRequest(exchange, vendor);
  const rejection: VendorBehaviour | undefined = refusal && {
    status: refusal.status,
    error: { message: refusal.message },
  };
  return respond(exchange, vendor, (rejection ?? exchange.behaviour()) as Behaviour);
}

function checkRequest<Behaviour extends VendorBehaviour>(
  { request, seen, body }: Exchange<Behaviour>,
  { path, key, bareKey = false, words, check }: Vendor<Behaviour>,
): Refusal | undefined {
  const parsed = parseJson(body.toString());
  try {
    if (seen.path !== path) throw new Refusal(404, `no such path: ${seen.path}`);
    if (request.method !== "POST") throw new Refusal(405, "POST only");
    const isKnown = seen.headers.authorization === `Bearer ${key}` || (bareKey && seen.headers.authorization === key);
    if (!isKnown) throw new Refusal(401, words.key);
    if (!seen.headers["content-type"]?.startsWith("application/json")) throw new Refusal(400, words.json);
    Object.assign(seen, check(parsed));
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    seen.refused = error.message;
    // A rejected body is recorded unchanged, unless it is large.
    if (parsed !== undefined && body.length < 65_536) seen.body = parsed;
    return error;
  }
}

async function respond<Behaviour extends VendorBehaviour>(
  { response, seen }: Exchange<Behaviour>,
  vendor: Vendor<Behaviour>,
  how: Behaviour,
): Promise<void> {
  const failed = how.error !== undefined || how.echoKey === true;
  const status = how.status ?? (failed ? vendor.errorStatus : 200);
  const message = how.error?.message ?? vendor.words.failed;
  const text = how.echoKey ? `${message} (Authorization: ${seen.headers.authorization})` : message;
  const { body, type } = failed
    ? { body: JSON.stringify(vendor.failure(status, text, how)), type: "application/json" }
    : vendor.success(how);
  const bytes = Buffer.from(how.body ?? body);
  await deliver(response, bytes, how.type ?? type, { ...how, status }, (progress) => Object.assign(seen, progress));
}
