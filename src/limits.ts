import { parseVarObject } from "./json.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound of the gateway, in one place. Any of them can be set in the var `LIMITS`, a JSON object of these names. */
export const LIMITS = {
  /** A client's body, reference pictures included. Cloudflare's own limit is 100 MB on the free and pro plans. */
  requestBytes: 150 * MiB,
  /** What is left of it without its pictures. */
  requestJsonBytes: 1 * MiB,
  /** For the whole of it to arrive. */
  requestMs: 120_000,
  /** Nesting of JSON, in requests and answers. */
  jsonDepth: 64,
  promptChars: 32_000,
  /** Reference pictures in one request, and the size of each; OpenAI's document allows as much. */
  references: 16,
  referenceBytes: 50 * MiB,
  /** Pictures one request may ask for. */
  pictures: 10,

  /** A vendor's answer, decompressed, and what is left of it without its pictures. */
  answerBytes: 256 * MiB,
  answerJsonBytes: 1 * MiB,
  /** A text in an answer beyond which it is left out of what is read (it still passes through). */
  answerTextBytes: 64 * KiB,
  pictureBytes: 64 * MiB,
  /** Pictures in one answer, drafts included. */
  answerPictures: 32,
  /** What is held back of an answer while no picture has begun; beyond it, the answer is let go. */
  holdBytes: 256 * KiB,

  /** From dispatch to the vendor's headers: connecting and, with most vendors, drawing. */
  headersMs: 300_000,
  /** From the headers to the first byte of the body. */
  firstByteMs: 60_000,
  /** From dispatch to the last byte. */
  answerMs: 600_000,
  /** One picture behind a URL, redirects included. */
  downloadMs: 120_000,
  redirects: 3,
  /** How long the answer to who asked for events may say nothing while the picture is drawn. */
  streamQuietMs: 15_000,
  /** How long a client may take no byte before the rest of its answer waits for it in R2. */
  clientStallMs: 2_000,

  /** How long a request with the Idempotency-Key of one that is being drawn waits for it before it is told to come again. */
  idempotencyWaitMs: 2_000,
  /** How long such a key is remembered. */
  idempotencyMs: 24 * 60 * 60_000,
  /** How long a viewer waits for a picture that another's view has begun. */
  signedWaitMs: 60_000,
  /** How long a signed URL whose picture could not be drawn says so, before it is tried again. */
  signedFailureMs: 60 * 60_000,
  /** Whoever draws something once for many gives a sign this often at least; after that its owner counts as lost. */
  leaseMs: 30_000,

  /** Ticks of schedules that the event of a minute begins: each takes about nine operations, and 10,000 are allowed. */
  ticksPerEvent: 1_000,

  /** Token buckets, in requests a minute; a bucket holds as much as a minute brings. */
  keyPerMinute: 300,
  globalPerMinute: 1_500,
  referencesPerMinute: 60,
  /** Pictures behind signed URLs that nobody has seen yet. */
  signedPerMinute: 60,
};

export type Limits = typeof LIMITS;

/** LIMITS with what the var `LIMITS` changes. Throws on unknown names, and on values that are not whole numbers from 1. */
export function parseLimits(text: string | undefined): Limits {
  if (text === undefined || text.trim() === "") return LIMITS;
  const changes = parseVarObject("LIMITS", text, 'an object, as in {"keyPerMinute":60}');
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(LIMITS, name))
      throw new Error(`LIMITS.${name} is no limit; there are: ${Object.keys(LIMITS).join(", ")}`);
    // All of them count something. A bucket of half a request would refuse every one.
    if (!Number.isSafeInteger(value) || Number(value) < 1)
      throw new Error(`LIMITS.${name} must be a whole number, at least 1`);
  }
  return { ...LIMITS, ...changes };
}
