import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";
import { parseJson, Refusal } from "./json.ts";
import type { Json } from "./json.ts";
import type { Seen } from "./record.ts";
import type { Exchange } from "./server.ts";

/** What any vendor may be told to answer, beside its pictures. */
export interface VendorBehaviour extends Delivery {
  /** An error in the documented shape, with `status` (the vendor's usual one unless told): 200 is allowed, and seen. */
  error?: { message?: string };
  /** The error's message repeats the credential that came. */
  echoKey?: boolean;
  /** These bytes, whatever they are, instead of the vendor's JSON. */
  body?: Buffer | string;
  /** Content type of the answer. */
  type?: string;
}

/** What tells one vendor from another. */
export interface Vendor<Behaviour extends VendorBehaviour> {
  path: string;
  key: string;
  /** Whether it takes the key without `Bearer` as well. */
  bareKey?: boolean;
  /** In its own language: a wrong key, a body that is not JSON, a failure. */
  words: { key: string; json: string; failed: string };
  /** Status of an error where none is told. */
  errorStatus: number;
  /** Throws a Refusal for a body that the document does not allow; returns what is recorded of it. */
  check(body: Json | undefined): Pick<Seen, "body" | "ignored">;
  success(how: Behaviour): { body: Buffer | string; type: string };
  /** An error in the documented shape. */
  failure(status: number, message: string, how: Behaviour): Json;
}

/** Refuses a request in the vendor's words, or answers it as the script says. */
export async function handleExchange<Behaviour extends VendorBehaviour>(
  exchange: Exchange<Behaviour>,
  vendor: Vendor<Behaviour>,
): Promise<void> {
  const refusal = checkRequest(exchange, vendor);
  const refused: VendorBehaviour | undefined = refusal && {
    status: refusal.status,
    error: { message: refusal.message },
  };
  return respond(exchange, vendor, (refused ?? exchange.behaviour()) as Behaviour);
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
    // A refused body is recorded as it is, unless it is large.
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
  await deliver(response, bytes, how.type ?? type, { ...how, status }, (so) => Object.assign(seen, so));
}
