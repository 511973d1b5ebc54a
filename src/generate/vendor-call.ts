import { toGatewayError, GatewayError, withDetail } from "../errors.ts";
import { priceOf } from "../image/model-spec.ts";
import type { Attempt, Cost } from "../image/record.ts";
import { referencesOf, type StoredPicture } from "../image/request.ts";
import { redact, redactedStart } from "../redact.ts";
import { Breakers, type Outcome } from "./circuit-breaker.ts";
import { settleAll } from "../store/objects.ts";
import { UploadSet, readPicture } from "../store/pictures.ts";
import { BodyError } from "../stream/body-error.ts";
import { Deadline } from "../vendors/deadline.ts";
import { retryAfterSeconds, send } from "../vendors/send.ts";
import { collect, type Exchange, receive } from "./vendor-response.ts";

export interface Exchanged {
  pictures: StoredPicture[];
  text?: string | undefined;
  usage?: Record<string, unknown> | undefined;
  cost?: Cost | undefined;
}

/** A shorter prompt is a word or two, and words are in any message. */
const TELLING = 16;

const breakers = new Breakers();

/**
 * One call to one vendor, from its request to its pictures in R2, unless the vendor's breaker is open; `attempts` gets one
 * more only for a call that was made. Throws a GatewayError; then nothing is left in R2.
 */
export async function exchange(work: Exchange, attempts: Attempt[]): Promise<Exchanged> {
  const { provider } = work.route.target;
  const vendor = provider.name;
  const from = Date.now();
  // A vendor inside this process is never overloaded; it only says so when it is told to.
  const guarded = provider.localFetch === undefined;
  if (guarded) breakers.admit(vendor, from);
  const attempt: Attempt = { vendor, ms: 0 };
  attempts.push(attempt);
  try {
    const exchanged = await call(work, () => (attempt.waitMs = Date.now() - from));
    attempt.pictures = exchanged.pictures.length;
    attempt.cost = exchanged.cost;
    if (guarded) breakers.settle(vendor, "answered", Date.now());
    return exchanged;
  } catch (thrown) {
    const error = toGatewayError(thrown);
    attempt.error = error.code;
    if (guarded) breakers.settle(vendor, outcomeOf(error), Date.now());
    throw error;
  } finally {
    attempt.ms = Date.now() - from;
  }
}

async function call(work: Exchange, answered: () => void): Promise<Exchanged> {
  const { bucket, route, config, until } = work;
  const { provider } = route.target;
  const { limits, secrets } = config;
  const deadline = new Deadline(provider.name, Math.max(1, Math.min(limits.answerMs, until - Date.now())));
  const uploads = new UploadSet((index) => {
    if (index >= limits.answerPictures) {
      throw new BodyError(`The answer has more than ${limits.answerPictures} pictures.`, true);
    }
    return work.upload();
  });
  let retryAfter: number | undefined;
  let lost: { error: unknown } | undefined;
  const open = (picture: StoredPicture) =>
    readPicture(bucket, picture.key).catch((error: unknown) => {
      lost = { error };
      throw error;
    });
  try {
    const outgoing = provider.encode(route.request, route.spec);
    const response = await send(route.target, outgoing, open, deadline, limits);
    answered();
    retryAfter = retryAfterSeconds(response.headers, Date.now());
    const wire = await receive(work, response, uploads, deadline);
    const { images, text, usage, cost } = provider.decode(
      response.ok ? 200 : response.status,
      wire,
      response.headers,
      route.request,
    );
    const pictures = await settleAll(images.map((carrier) => collect(work, carrier, uploads, deadline)));
    await uploads.discard(pictures);
    return {
      pictures,
      text: text === undefined ? undefined : redact(text, secrets),
      usage: usage && withoutSecrets(usage, secrets),
      cost: cost ?? priceOf(route.spec, route.request.size, pictures.length),
    };
  } catch (thrown) {
    await uploads.discard();
    if (lost !== undefined) {
      const message = "A reference picture could not be read back; nothing was drawn.";
      throw new GatewayError("internal", message, { retryable: true, cause: lost.error });
    }
    throw explain(thrown, work, deadline, retryAfter);
  } finally {
    deadline.done();
  }
}

/** A vendor's own words for what was used: its texts may repeat a key, its numbers stay what they are. */
function withoutSecrets(usage: Record<string, unknown>, secrets: readonly string[]): Record<string, unknown> {
  const clean = (_: string, value: unknown) => (typeof value === "string" ? redact(value, secrets) : value);
  return JSON.parse(JSON.stringify(usage), clean) as Record<string, unknown>;
}

function explain(
  thrown: unknown,
  { route, config }: Exchange,
  deadline: Deadline,
  retryAfter: number | undefined,
): GatewayError {
  let error = toGatewayError(deadline.signal.aborted ? deadline.signal.reason : thrown);
  if (thrown instanceof BodyError && !deadline.signal.aborted) {
    const message = `${route.target.provider.name} sent an answer that cannot be used. ${thrown.message}`;
    error = new GatewayError("vendor_error", message, { cause: thrown });
  }
  // Vendors have been seen to repeat what they were sent: the key, the prompt, a signed URL.
  const { prompt, turns = [] } = route.request;
  const own = [
    prompt,
    ...turns.flatMap(({ text }) => text ?? []),
    ...referencesOf(route.request).flatMap((reference) => ("url" in reference ? reference.url : [])),
  ];
  // As it is, and as it stands in JSON.
  const told = own
    .filter(({ length }) => length >= TELLING)
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
  const sent = [...new Set([...config.secrets, ...told])];
  const message = redactedStart(error.message, sent);
  return withDetail(error, { message, retryAfter: error.retryAfter ?? retryAfter });
}

/** What a failed call tells of the vendor's health; an answer that cannot be used tells nothing of the next. */
function outcomeOf({ code, vendorStatus = 0, connectionLost, retryAfter }: GatewayError): Outcome {
  if (code === "internal") return "nothing";
  const failed = code === "rate_limited" || code === "vendor_timeout" || connectionLost || vendorStatus >= 500;
  return failed ? { failed: code, retryAfterSeconds: retryAfter } : "answered";
}
