import {
  type StoredPicture,
  type ImageRequest,
  namedReferences,
  type Reference,
  REFERENCE_TYPES,
  referencesOf,
  withReferences,
} from "../image/request.ts";
import { deletePictures, keys, PictureUpload } from "../store/pictures.ts";
import { newId } from "../store/ids.ts";
import { BodyError } from "../stream/body-error.ts";
import { fetchPublicUrl, DownloadError } from "../vendors/download.ts";
import type { Job } from "./generation.ts";
import { GatewayError, invalidField } from "../errors.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import { settleAll } from "../store/objects.ts";
import { getRecord } from "../store/records.ts";
import { Lanes } from "./semaphore.ts";

type ForOfFetched = Pick<Job, "id" | "env" | "config">;

/** Pictures fetched from URLs for one generation, each of them once; only those that came whole are kept. */
export class Fetched {
  private readonly job: ForOfFetched;
  private readonly pictures = new Map<string, Promise<StoredPicture>>();
  private readonly folder = newId(Date.now());
  private slots = 0;

  constructor(job: ForOfFetched) {
    this.job = job;
  }

  /** The picture behind a URL; `field` is where the caller wrote it. Throws Unfetched, or BadBody for what is no picture. */
  get(url: string, field: string, signal: AbortSignal): Promise<StoredPicture> {
    const known = this.pictures.get(url);
    if (known !== undefined) return known;
    const picture = this.fetch(url, field, signal).catch((error: unknown) => {
      this.pictures.delete(url);
      throw error;
    });
    this.pictures.set(url, picture);
    return picture;
  }

  /** Deletes them. Never throws. */
  async drop(): Promise<void> {
    const ended = await Promise.allSettled(this.pictures.values());
    const pictures = ended.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    await deletePictures(this.job.env.BUCKET, pictures);
  }

  private async fetch(url: string, field: string, signal: AbortSignal): Promise<StoredPicture> {
    const { id, env, config } = this.job;
    const { limits, trustedHosts: trusted } = config;
    const key = keys.reference(this.folder, this.slots++);
    const upload = new PictureUpload({
      bucket: env.BUCKET,
      key,
      maxBytes: limits.referenceBytes,
      metadata: { generation: id },
      name: field,
    });
    try {
      const body = await fetchPublicUrl(url, { signal, limits, trusted });
      await upload.fill(body).catch((cause: unknown) => {
        if (cause instanceof BodyError) throw cause;
        signal.throwIfAborted();
        throw new DownloadError("it broke off", { cause });
      });
      await upload.finish();
    } catch (error) {
      await upload.discard();
      throw error;
    }
    return upload.stored;
  }
}

const OWN_PICTURE = /^\/images\/([^/]+)\/(0|[1-9]\d?)(?:\.\w+)?$/;
type ForOfReferences = Pick<Job, "id" | "asked" | "origin" | "env" | "config">;

/** A reference on its way to a vendor with this spec; `field` is what the caller calls it. */
interface Wanted {
  reference: Reference;
  field: string;
  spec: ModelSpec;
  signal: AbortSignal;
}

/** A reference whose bytes are in R2, and the path at which we serve them. */
interface Held {
  picture: StoredPicture;
  path: string;
}

/** The references of one generation, as each vendor that is asked takes them; whatever has to be fetched is fetched once. */
export class References {
  private readonly job: ForOfReferences;
  private readonly fetched: Fetched;
  /** A vendor may be called several times. */
  private readonly prepared = new Map<ModelSpec, Promise<Reference[]>>();

  constructor(job: ForOfReferences) {
    this.job = job;
    this.fetched = new Fetched(job);
  }

  /**
   * The request with its references as a vendor with this spec takes them, each a URL or a stored picture; the first time
   * takes `limits.downloadMs` at most. Throws invalid_request with the field of one that cannot be had.
   */
  async prepare(request: ImageRequest, spec: ModelSpec): Promise<ImageRequest> {
    const references = referencesOf(request);
    if (references.length === 0) return request;
    let prepared = this.prepared.get(spec);
    if (prepared === undefined) this.prepared.set(spec, (prepared = this.prepareAll(references, spec)));
    return withReferences(request, await prepared);
  }

  /** Deletes what was fetched. Never throws. */
  drop(): Promise<void> {
    return this.fetched.drop();
  }

  private async prepareAll(references: readonly Reference[], spec: ModelSpec): Promise<Reference[]> {
    const { asked, config } = this.job;
    const { downloadMs } = config.limits;
    // What the caller's request calls each of them.
    const fields = new Map(namedReferences(asked.request).map(([field, reference]) => [reference, field]));
    const controller = new AbortController();
    const late = () => new DownloadError(`it did not arrive within ${downloadMs / 1000} s`);
    const timer = setTimeout(() => controller.abort(late()), downloadMs);
    const lanes = new Lanes();
    const work = references.map((reference, index) => {
      const field = fields.get(reference) ?? `references[${index}]`;
      return lanes
        .run(() => this.prepareOne({ reference, field, spec, signal: controller.signal }))
        .catch((thrown: unknown) => {
          const error = explain(thrown, field);
          // The first that fails ends the others.
          controller.abort(error);
          throw error;
        });
    });
    return settleAll(work).finally(() => clearTimeout(timer));
  }

  private async prepareOne(wanted: Wanted): Promise<Reference> {
    const { reference, field, spec, signal } = wanted;
    signal.throwIfAborted();
    const held = await this.hold(wanted);
    if (held === undefined) return reference;
    const { picture, path } = held;
    if (!REFERENCE_TYPES.includes(picture.type))
      throw invalidField(field, `must be a PNG, JPEG or WebP picture, not ${picture.type}`);
    if (picture.bytes > (spec.referenceBytes ?? Infinity)) {
      throw invalidField(field, `has ${picture.bytes} bytes; allowed: ${spec.referenceBytes} bytes`, {
        canFailover: true,
      });
    }
    const { publicUrl } = this.job.config;
    if (spec.prefersUrls !== true || publicUrl === undefined) return { picture };
    return { url: `${publicUrl}/${path}`, type: picture.type };
  }

  /** The picture, fetched where need be; undefined where the vendor takes the URL. */
  private async hold({ reference, field, spec, signal }: Wanted): Promise<Held | undefined> {
    if ("picture" in reference) return { picture: reference.picture, path: reference.picture.key };
    const url = URL.parse(reference.url);
    const own = url !== null && this.isOurs(url) ? OWN_PICTURE.exec(url.pathname) : null;
    if (own !== null) return this.recall(own[1] ?? "", Number(own[2]), field);
    if (spec.referenceSchemes.some((scheme) => url?.protocol === `${scheme}:`)) return undefined;
    const picture = await this.fetched.get(reference.url, field, signal);
    return { picture, path: picture.key };
  }

  private isOurs({ origin }: URL): boolean {
    const { origin: asked, config } = this.job;
    return [asked, config.publicUrl ?? ""].some((url) => URL.parse(url)?.origin === origin);
  }

  /** Picture n of a generation of ours, without asking ourselves for it. */
  private async recall(id: string, n: number, field: string): Promise<Held> {
    const { BUCKET } = this.job.env;
    const record = await getRecord(BUCKET, id);
    const picture = record?.images[n];
    if (picture !== undefined && (await BUCKET.head(picture.key)) !== null) {
      return { picture, path: `images/${id}/${n}` };
    }
    throw invalidField(field, record?.status === "running" ? "is still being drawn" : "is not a picture that is here");
  }
}

/** What keeps a reference from coming is for the client to mend; its URL may be signed, and is not repeated. */
function explain(thrown: unknown, field: string): unknown {
  if (!(thrown instanceof DownloadError) && !(thrown instanceof BodyError)) return thrown;
  const message = thrown instanceof BodyError ? thrown.message : `${field} could not be fetched: ${thrown.message}.`;
  // A vendor that fetches by itself may have it all the same.
  return new GatewayError("invalid_request", message, { field, cause: thrown, canFailover: true });
}
