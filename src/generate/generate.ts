import { selectCandidates } from "../models/candidates.ts";
import { Drawing } from "./failover.ts";
import { Generation } from "./recorder.ts";
import type { Job } from "./generation.ts";
import { isPassThrough, passThrough, type Raw } from "./pass-through.ts";
import { References } from "./references.ts";
import type { GenerationRecord } from "../image/record.ts";
import { deletePictures } from "../store/pictures.ts";

/** What to answer: the record of a finished generation, or a vendor's bytes while it goes on. */
export interface Answer {
  record: GenerationRecord;
  raw?: Raw | undefined;
}

/**
 * The pipeline: find who can draw, have one of them draw, keep its pictures, write the record. Throws a GatewayError; the
 * record then says failed. Work goes on when the caller no longer waits.
 */
export async function generate(job: Job): Promise<Answer> {
  const references = new References(job);
  const work = run(new Generation(job), references);
  const ended = work.then(({ raw }) => raw?.done).catch(() => undefined);
  job.waitUntil(ended.then(() => Promise.all([references.drop(), deletePictures(job.env.BUCKET, job.hoisted)])));
  return work;
}

async function run(generation: Generation, references: References): Promise<Answer> {
  const { job } = generation;
  try {
    const routes = selectCandidates(job.asked, job.dialect, job);
    await generation.begin();
    const drawing = new Drawing(generation, routes, references);
    const raw = isPassThrough(routes[0], job) ? await passThrough(generation, drawing) : await drawing.draw();
    return { record: generation.public, raw };
  } catch (thrown) {
    throw await generation.fail(thrown);
  }
}
