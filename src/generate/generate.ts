import type { GenerationRecord } from "../image/record.ts";
import { referencesOf } from "../image/request.ts";
import { type Candidates, selectCandidates } from "../models/candidates.ts";
import type { Generation } from "../store/jobs.ts";
import { deletePictures } from "../store/pictures.ts";
import { callWithFailover } from "./failover.ts";
import type { Mode, Runtime } from "./runtime.ts";
import { canPassThrough, passThrough, type PassThroughBody } from "./pass-through.ts";
import { Recorder, type VendorSelected } from "./recorder.ts";
import { ReferenceCache } from "./references.ts";
import type { Run } from "./vendor-call.ts";

export interface GenerateOptions {
  mode: Mode;
  /** Candidates that the caller has selected already. */
  candidates?: Candidates | undefined;
  /** Called when a vendor is selected, and again on failover, so that error answers can name it too. */
  onVendorSelected?: VendorSelected | undefined;
}

/** The record of a generation that has ended, or the vendor's bytes while it still runs. */
export interface GenerationResult {
  record: GenerationRecord;
  body?: PassThroughBody | undefined;
}

/**
 * Run a generation: select the vendors that can serve it, record its start, call them until one has generated the pictures,
 * store the pictures, record the end. Throws a GatewayError; the record then says failed. The work continues after the
 * client has left.
 */
export function generate(
  generation: Generation,
  runtime: Runtime,
  options: GenerateOptions,
): Promise<GenerationResult> {
  const hasReferences = referencesOf(generation.parsed.request).length > 0;
  const references = hasReferences ? new ReferenceCache(generation, runtime) : undefined;
  const result = runGeneration(generation, runtime, references, options);
  // A job keeps its uploads for the next try; the queue consumer deletes them.
  const uploads = options.mode.kind === "queued" ? [] : generation.uploads;
  runtime.waitUntil(cleanUp(uploads, runtime, references, result));
  return result;
}

async function runGeneration(
  generation: Generation,
  runtime: Runtime,
  references: ReferenceCache | undefined,
  { mode, candidates: selected, onVendorSelected }: GenerateOptions,
): Promise<GenerationResult> {
  const recorder = new Recorder(generation, runtime, mode, onVendorSelected);
  try {
    const candidates = selected ?? selectCandidates(generation.parsed, generation.dialect, runtime);
    await recorder.start();
    recorder.selectVendor(candidates[0]);
    const run: Run = { generation, runtime, mode, candidates, references, recorder };
    // A shared generation is answered from R2: every client gets the same bytes.
    const first = mode.kind === "direct" && canPassThrough(run) ? await passThrough(run) : undefined;
    if (first !== undefined && "body" in first) return { record: recorder.publicRecord, body: first };
    await recorder.succeed(await callWithFailover(run, first));
    return { record: recorder.publicRecord };
  } catch (thrown) {
    throw await recorder.fail(thrown);
  }
}

/** Delete the reference pictures once the generation has ended, and the client's stream with it. Never throws. */
async function cleanUp(
  uploads: Generation["uploads"],
  { env }: Runtime,
  references: ReferenceCache | undefined,
  result: Promise<GenerationResult>,
): Promise<void> {
  await result.then(({ body }) => body?.done).catch(() => undefined);
  await Promise.all([references?.deleteDownloads(), deletePictures(env.BUCKET, uploads)]);
}
