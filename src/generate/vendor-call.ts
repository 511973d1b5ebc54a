import { GatewayError, toGatewayError, withDetail } from "../errors.ts";
import { redact, redactedStart } from "../log.ts";
import { priceOf } from "../image/model-spec.ts";
import { type ImageRequest, referencesOf, type StoredPicture } from "../image/request.ts";
import type { Candidate, Candidates } from "../models/candidates.ts";
import type { Generation } from "../store/jobs.ts";
import { settleAll } from "../store/objects.ts";
import { PictureUpload, readStoredPicture, UploadSet } from "../store/pictures.ts";
import { BodyError } from "../stream/body-error.ts";
import type { ClientStream } from "../stream/client-stream.ts";
import { Deadline } from "../vendors/deadline.ts";
import { retryAfterSeconds, sendVendorRequest } from "../vendors/send.ts";
import { admitCall, type Outcome, recordOutcome } from "./circuit-breaker.ts";
import { convertPictures } from "./convert.ts";
import type { CallResult, FailedCall, Mode, Runtime } from "./runtime.ts";
import type { Recorder } from "./recorder.ts";
import type { ReferenceCache } from "./references.ts";
import { readAnswer, storeImage, type VendorCall } from "./vendor-response.ts";

/** A generation while it runs. */
export interface Run {
  generation: Generation;
  runtime: Runtime;
  mode: Mode;
  candidates: Candidates;
  /** Absent if the request has no references. */
  references: ReferenceCache | undefined;
  recorder: Recorder;
}

/** A shorter prompt is a common word or two: it may be in any message by chance. */
const MIN_REDACTED_CHARS = 16;

/**
 * Call one candidate for n pictures: prepare its references, send the request, store the pictures, convert them to the requested
 * format. The deadline starts now unless an earlier candidate has set it. Errors are returned in canonical form; then
 * nothing is left in R2. `client` receives the vendor's bytes unchanged.
 */
export async function callVendor(
  run: Run,
  { candidate, n, endsAt = deadlineOf(run) }: { candidate: Candidate; n: number; endsAt?: number | undefined },
  client?: ClientStream,
): Promise<CallResult | FailedCall> {
  const { recorder, references, runtime } = run;
  try {
    let request: ImageRequest = { ...candidate.request, n };
    if (references !== undefined)
      request = await recorder.timed("references", references.prepare(request, candidate.spec));
    const call = prepareCall(run, { ...candidate, request }, endsAt, client);
    const result = await recorder.timed("drawing", attemptCall(call, recorder));
    if (result instanceof GatewayError) return { error: result, endsAt };
    const { outputFormat: format } = run.generation.parsed.request;
    const { IMAGES: images } = runtime.env;
    if (format === undefined || images === undefined) return result;
    const converted = convertPictures(run, result.pictures, { images, format, openUpload: call.openUpload });
    return { ...result, pictures: await recorder.timed("converting", converted) };
  } catch (thrown) {
    return { error: toGatewayError(thrown), endsAt };
  }
}

/** The deadline of a call that starts now. */
function deadlineOf({ runtime }: Run): number {
  return Date.now() + runtime.config.limits.answerMs;
}

function prepareCall(
  { generation, runtime: { env, config }, recorder }: Run,
  candidate: Candidate,
  endsAt: number,
  client: ClientStream | undefined,
): VendorCall {
  const metadata = {
    generation: generation.id,
    vendor: candidate.endpoint.provider.name,
    model: candidate.request.model,
  };
  const openUpload = () =>
    new PictureUpload({
      bucket: env.BUCKET,
      key: recorder.nextPictureKey(),
      maxBytes: config.limits.pictureBytes,
      metadata,
    });
  return { candidate, config, bucket: env.BUCKET, endsAt, openUpload, client };
}

/** Make the call, unless the vendor's circuit breaker is open, and record it as an attempt. */
async function attemptCall(call: VendorCall, recorder: Recorder): Promise<CallResult | GatewayError> {
  const { name: vendor, localFetch } = call.candidate.endpoint.provider;
  // A vendor inside this process is never overloaded, although a prompt can make the sandbox answer so.
  const hasBreaker = localFetch === undefined;
  if (hasBreaker) admitCall(vendor, Date.now());
  const attempt = recorder.startAttempt(vendor);
  const result = await requestPictures(call, attempt.answered);
  attempt.end(result);
  if (hasBreaker) recordOutcome(vendor, outcomeOf(result), Date.now());
  return result;
}

async function requestPictures(call: VendorCall, onAnswer: () => void): Promise<CallResult | GatewayError> {
  const { candidate, config, bucket, openUpload } = call;
  const { endpoint, request, spec } = candidate;
  const { provider } = endpoint;
  const { limits, secrets } = config;
  const deadline = new Deadline(provider.name);
  deadline.phase("finish its answer", Math.max(1, Math.min(limits.answerMs, call.endsAt - Date.now())));
  const uploads = new UploadSet((index) => {
    if (index >= limits.answerPictures) {
      throw new BodyError(`The answer has more than ${limits.answerPictures} pictures.`, true);
    }
    return openUpload();
  });
  let retryAfter: number | undefined;
  let unreadReference: { cause: unknown } | undefined;
  const openReference = (picture: StoredPicture) =>
    readStoredPicture(bucket, picture.key).catch((cause: unknown) => {
      unreadReference = { cause };
      throw cause;
    });
  try {
    const response = await sendVendorRequest(endpoint, provider.encode(request, spec), openReference, deadline, limits);
    onAnswer();
    retryAfter = retryAfterSeconds(response.headers, Date.now());
    const wire = await readAnswer(call, response, uploads, deadline);
    const status = response.ok ? 200 : response.status;
    const { images, text, usage, cost } = provider.decode(status, wire, response.headers, request);
    const pictures = await settleAll(images.map((image) => storeImage(call, image, uploads, deadline)));
    await uploads.discard(pictures);
    return {
      pictures,
      text: text === undefined ? undefined : redact(text, secrets),
      usage: usage && withoutSecrets(usage, secrets),
      cost: cost ?? priceOf(spec, request.size, pictures.length),
    };
  } catch (thrown) {
    await uploads.discard();
    if (unreadReference !== undefined) {
      const message = "A reference picture could not be read back; nothing was drawn.";
      return new GatewayError("internal", message, { retryable: true, ...unreadReference });
    }
    return canonicalError(thrown, call, deadline, retryAfter);
  } finally {
    deadline.done();
  }
}

/** A vendor's usage without secrets: its texts may repeat an API key, its numbers stay unchanged. */
function withoutSecrets(usage: Record<string, unknown>, secrets: readonly string[]): Record<string, unknown> {
  const clean = (_: string, value: unknown) => (typeof value === "string" ? redact(value, secrets) : value);
  return JSON.parse(JSON.stringify(usage), clean) as Record<string, unknown>;
}

/** Make a vendor's failure canonical: with the vendor's Retry-After, and without any text that was sent to the vendor. */
function canonicalError(
  thrown: unknown,
  { candidate: { endpoint, request }, config }: VendorCall,
  deadline: Deadline,
  retryAfter: number | undefined,
): GatewayError {
  let error = toGatewayError(deadline.signal.aborted ? deadline.signal.reason : thrown);
  if (thrown instanceof BodyError && !deadline.signal.aborted) {
    const message = `${endpoint.provider.name} sent an answer that cannot be used. ${thrown.message}`;
    error = new GatewayError("vendor_error", message, { cause: thrown });
  }
  // Vendors have been seen to repeat what they received: the API key, the prompt, a signed URL.
  const { prompt, turns = [] } = request;
  const texts = [
    prompt,
    ...turns.flatMap(({ text }) => text ?? []),
    ...referencesOf(request).flatMap((reference) => ("url" in reference ? reference.url : [])),
  ];
  // Both as plain text and as JSON writes it.
  const spellings = texts
    .filter(({ length }) => length >= MIN_REDACTED_CHARS)
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
  const message = redactedStart(error.message, [...new Set([...config.secrets, ...spellings])]);
  return withDetail(error, { message, retryAfter: error.retryAfter ?? retryAfter });
}

/** What a call says about the vendor's health. Even an answer that cannot be used shows that the vendor is up. */
function outcomeOf(result: CallResult | GatewayError): Outcome {
  if (!(result instanceof GatewayError)) return "answered";
  const { code, vendorStatus = 0, connectionLost, retryAfter } = result;
  if (code === "internal") return "unknown";
  const failed = code === "rate_limited" || code === "vendor_timeout" || connectionLost || vendorStatus >= 500;
  return failed ? { failed: code, retryAfterSeconds: retryAfter } : "answered";
}
