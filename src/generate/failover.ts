import type { OutputFormat, StoredPicture } from "../image/request.ts";
import { PictureUpload, readPicture, keys } from "../store/pictures.ts";
import { type GatewayError, withDetail, toGatewayError } from "../errors.ts";
import type { Failover } from "../env.ts";
import { isReachable, type Endpoint } from "../vendors/send.ts";
import { log } from "../log.ts";
import type { Limits } from "../limits.ts";
import type { ClientStream } from "../stream/client-stream.ts";
import type { Candidate } from "../models/candidates.ts";
import { redact } from "../redact.ts";
import { exchange, type Exchanged } from "./vendor-call.ts";
import type { Generation } from "./recorder.ts";
import { Lanes, PARALLEL } from "./semaphore.ts";
import type { References } from "./references.ts";

/** The stored picture in another format, stored in its place. Throws where the binding cannot; the picture is left then. */
async function convert(
  images: ImagesBinding,
  bucket: R2Bucket,
  picture: StoredPicture,
  format: OutputFormat,
  upload: PictureUpload,
): Promise<StoredPicture> {
  const made = await images.input(await readPicture(bucket, picture.key)).output({ format: `image/${format}` });
  try {
    await upload.fill(made.image());
    await upload.finish();
  } catch (error) {
    await upload.discard();
    throw error;
  }
  await bucket.delete(picture.key);
  return upload.stored;
}

/**
 * The error of a call to `target`, as one of a vendor that never saw the request where that is so. The runtime tells a
 * connection that was refused no better than one that broke off once the request was sent.
 */
async function withCause(error: GatewayError, target: Endpoint): Promise<GatewayError> {
  // A vendor inside this process has no host.
  const isKnown = !error.connectionLost || error.canFailover || target.provider.localFetch !== undefined;
  if (isKnown || (await isReachable(target))) return error;
  return withDetail(error, { canFailover: true });
}

/** Whether the next vendor may be asked after this error. */
function mayMoveOn({ code, canFailover }: GatewayError, failover: Failover): boolean {
  if (failover === "off") return false;
  return canFailover || (failover === "always" && (code === "vendor_error" || code === "vendor_timeout"));
}

/** One call that is to be made. */
interface Call {
  /** Pictures to ask for. */
  n: number;
  /** Which of the routes. */
  at: number;
  /** When it must be over, with every vendor that is asked in its place; absent until it begins. */
  until?: number | undefined;
}

/** A generation being drawn: by the first of its routes, and where that may be, by those after it. */
export class Drawing {
  readonly routes: readonly [Candidate, ...Candidate[]];
  private readonly generation: Generation;
  private readonly references: References;
  private readonly lanes: Lanes;
  private readonly failures: GatewayError[] = [];
  private slots = 0;

  constructor(generation: Generation, routes: readonly [Candidate, ...Candidate[]], references: References) {
    this.generation = generation;
    this.routes = routes;
    this.references = references;
    this.lanes = generation.job.lanes ?? new Lanes();
    generation.ask(routes[0]);
  }

  /** When a call that begins now must be over. */
  deadline(): number {
    return Date.now() + this.generation.job.config.limits.answerMs;
  }

  /** Draws all pictures and ends the generation. Some of them are an answer, with a warning; throws where there is none. */
  async draw(at = 0, until?: number): Promise<undefined> {
    const { n } = this.generation.job.asked.request;
    const drawn = await this.split({ n, at, until });
    const made = drawn.reduce((sum, { pictures }) => sum + pictures.length, 0);
    const { error } = this;
    if (made === 0 && error !== undefined) throw error;
    if (made < n) {
      const why = error === undefined ? "" : ` (${error.code})`;
      this.generation.warn(`${made} of ${n} pictures could be made${why}`);
    }
    await this.generation.succeed(drawn);
  }

  /** One call, its pictures in the format asked for. */
  async exchange({ n, at, until }: Call & { until: number }, tap?: ClientStream): Promise<Exchanged> {
    const route = this.route(at);
    const { generation, references } = this;
    const { env, config } = generation.job;
    const request = await generation.timed("references", references.prepare({ ...route.request, n }, route.spec));
    const upload = () => this.upload(route);
    const work = { route: { ...route, request }, config, bucket: env.BUCKET, until, upload, tap };
    const drawn = await generation.timed("drawing", exchange(work, generation.record.attempts));
    const pictures = await generation.timed(
      "converting",
      Promise.all(drawn.pictures.map((each) => this.convert(each, route))),
    );
    return { ...drawn, pictures };
  }

  /** The next route, once the error of the one before allows it; undefined where that was all. */
  async next(thrown: unknown, { at, until }: { at: number; until: number }): Promise<number | undefined> {
    const { owned, config } = this.generation.job;
    const { target } = this.route(at);
    const next = this.routes[at + 1];
    // Whether it may be charged matters to another vendor, and to who asks the same again.
    const matters = config.failover !== "off" && (next !== undefined || owned === true);
    const error = matters ? await withCause(toGatewayError(thrown), target) : toGatewayError(thrown);
    this.failures.push(error);
    if (next === undefined || Date.now() >= until || !mayMoveOn(error, config.failover)) return undefined;
    this.generation.ask(next, { vendor: target.provider.name, error });
    return at + 1;
  }

  /** Of all that failed, the error to tell. */
  get error(): GatewayError | undefined {
    return mostTelling(this.failures);
  }

  private route(at: number): Candidate {
    return this.routes[at] ?? this.routes[0];
  }

  /** Begins the next picture, whether it stays or not. */
  private upload({ target, request }: Candidate): PictureUpload {
    const { id, env, config } = this.generation.job;
    const metadata = { generation: id, vendor: target.provider.name, model: request.model };
    return new PictureUpload(env.BUCKET, keys.picture(id, this.slots++), config.limits.pictureBytes, metadata);
  }

  /** As many calls as the vendor needs for n pictures. */
  private async split({ n, at, until }: Call): Promise<Exchanged[]> {
    const { spec } = this.route(at);
    const calls = Array.from({ length: Math.ceil(n / spec.n) }, (_, index) => Math.min(spec.n, n - index * spec.n));
    return (await Promise.all(calls.map((each) => this.call({ n: each, at, until })))).flat();
  }

  private async call({ n, at, until: told }: Call): Promise<Exchanged[]> {
    let until = told ?? 0;
    try {
      return [
        await this.lanes.run(() => {
          // One that has waited its turn begins now.
          until = told ?? this.deadline();
          return this.exchange({ n, at, until });
        }),
      ];
    } catch (thrown) {
      const next = await this.next(thrown, { at, until });
      return next === undefined ? [] : this.split({ n, at: next, until });
    }
  }

  /** The picture in the format asked for, where the vendor gave another; itself, with a warning, where that fails. */
  private async convert(picture: StoredPicture, route: Candidate): Promise<StoredPicture> {
    const { generation } = this;
    const { id, asked, env, config } = generation.job;
    const format = asked.request.outputFormat;
    if (format === undefined || picture.type === `image/${format}` || env.IMAGES === undefined) return picture;
    try {
      const made = await convert(env.IMAGES, env.BUCKET, picture, format, this.upload(route));
      generation.warn(`outputFormat ${format} was made from ${picture.type}`);
      return made;
    } catch (error) {
      log("convert.failed", { generation: id, error: redact(String(error), config.secrets) });
      generation.warn(`outputFormat ${format} could not be made: the picture is ${picture.type}`);
      return picture;
    }
  }
}

/** Of the errors of several vendors, the one that would be true at any of them; else one that passes. */
function mostTelling(errors: readonly GatewayError[]): GatewayError | undefined {
  return errors.find((error) => !error.canFailover) ?? errors.find((error) => error.retryable) ?? errors[0];
}

/** No generation runs longer: its request, its references, and as many rounds of calls as its pictures may take. In milliseconds. */
export function longestMs({ requestMs, downloadMs, answerMs, pictures }: Limits): number {
  return requestMs + 2 * downloadMs + answerMs * Math.ceil(pictures / PARALLEL);
}
