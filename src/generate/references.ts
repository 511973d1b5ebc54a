import { GatewayError, invalidField } from "../errors.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import {
  type ImageRequest,
  namedReferences,
  type Reference,
  REFERENCE_TYPES,
  referencesOf,
  type StoredPicture,
  withReferences,
} from "../image/request.ts";
import { newId } from "../store/ids.ts";
import type { Generation } from "../store/jobs.ts";
import { settleAll } from "../store/objects.ts";
import { deletePictures, pictureKeys, PictureUpload } from "../store/pictures.ts";
import { awaitRecord } from "../store/records.ts";
import { BodyError } from "../stream/body-error.ts";
import { DownloadError, fetchPublicUrl } from "../vendors/download.ts";
import type { Runtime } from "./runtime.ts";
import { Semaphore } from "../concurrency.ts";

const OWN_PICTURE = /^\/images\/([^/]+)\/(0|[1-9]\d?)(?:\.\w+)?$/;

/** A reference to prepare for a model; `field` is its name in the client's request. */
interface Preparation {
  reference: Reference;
  field: string;
  spec: ModelSpec;
  signal: AbortSignal;
}

/** A reference whose bytes are in R2, and the path of its URL here. */
interface StoredReference {
  picture: StoredPicture;
  path: string;
}

/** The references of one generation, prepared once per model and downloaded once per URL, however many calls need them. */
export class ReferenceCache {
  private readonly generation: Pick<Generation, "id" | "parsed" | "origin">;
  private readonly runtime: Pick<Runtime, "env" | "config">;
  private readonly prepared = new Map<ModelSpec, Promise<Reference[]>>();
  /** By URL; only complete pictures stay. */
  private readonly downloads = new Map<string, Promise<StoredPicture>>();
  private folder: string | undefined;
  private downloadCount = 0;

  constructor(generation: Pick<Generation, "id" | "parsed" | "origin">, runtime: Pick<Runtime, "env" | "config">) {
    this.generation = generation;
    this.runtime = runtime;
  }

  /**
   * The request with its references as a model takes them, each a URL or a stored picture. The first call takes
   * `limits.downloadMs` at most. Throws invalid_request with the field of a reference that is unavailable.
   */
  async prepare(request: ImageRequest, spec: ModelSpec): Promise<ImageRequest> {
    const references = referencesOf(request);
    if (references.length === 0) return request;
    let prepared = this.prepared.get(spec);
    if (prepared === undefined) this.prepared.set(spec, (prepared = this.prepareAll(references, spec)));
    return withReferences(request, await prepared);
  }

  /** Delete the downloaded pictures. Never throws. */
  async deleteDownloads(): Promise<void> {
    const settled = await Promise.allSettled(this.downloads.values());
    const pictures = settled.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    await deletePictures(this.runtime.env.BUCKET, pictures);
  }

  private async prepareAll(references: readonly Reference[], spec: ModelSpec): Promise<Reference[]> {
    const { downloadMs } = this.runtime.config.limits;
    const fields = new Map(
      namedReferences(this.generation.parsed.request).map(([field, reference]) => [reference, field]),
    );
    const controller = new AbortController();
    const timeout = () => new DownloadError(`it did not arrive within ${downloadMs / 1000} s`);
    const timer = setTimeout(() => controller.abort(timeout()), downloadMs);
    const slots = new Semaphore();
    const work = references.map((reference, index) => {
      const field = fields.get(reference) ?? `references[${index}]`;
      return slots
        .run(() => this.prepareOne({ reference, field, spec, signal: controller.signal }))
        .catch((thrown: unknown) => {
          const error = asReferenceError(thrown, field);
          // The first failure ends the others.
          controller.abort(error);
          throw error;
        });
    });
    return settleAll(work).finally(() => clearTimeout(timer));
  }

  private async prepareOne(preparation: Preparation): Promise<Reference> {
    const { reference, field, spec, signal } = preparation;
    signal.throwIfAborted();
    const stored = await this.store(preparation);
    if (stored === undefined) return reference;
    const { picture, path } = stored;
    if (!REFERENCE_TYPES.includes(picture.type))
      throw invalidField(field, `must be a PNG, JPEG or WebP picture, not ${picture.type}`);
    if (picture.bytes > (spec.referenceBytes ?? Infinity)) {
      const message = `has ${picture.bytes} bytes; allowed: ${spec.referenceBytes} bytes`;
      throw invalidField(field, message, { canFailover: true });
    }
    const { publicUrl } = this.runtime.config;
    if (spec.prefersUrls !== true || publicUrl === undefined) return { picture };
    return { url: `${publicUrl}/${path}`, type: picture.type };
  }

  /** The stored picture, downloaded if needed; undefined if the vendor accepts the URL itself. */
  private async store({ reference, field, spec, signal }: Preparation): Promise<StoredReference | undefined> {
    if ("picture" in reference) return { picture: reference.picture, path: reference.picture.key };
    const url = URL.parse(reference.url);
    const own = url !== null && this.isOwnOrigin(url) ? OWN_PICTURE.exec(url.pathname) : null;
    if (own !== null) return this.findOwnPicture(own[1] ?? "", Number(own[2]), field);
    if (spec.referenceSchemes.some((scheme) => url?.protocol === `${scheme}:`)) return undefined;
    const picture = await this.download(reference.url, field, signal);
    return { picture, path: picture.key };
  }

  private isOwnOrigin({ origin }: URL): boolean {
    const origins = [this.generation.origin, this.runtime.config.publicUrl ?? ""];
    return origins.some((url) => URL.parse(url)?.origin === origin);
  }

  /** Picture n of a generation of this gateway, without a request to ourselves. */
  private async findOwnPicture(id: string, n: number, field: string): Promise<StoredReference> {
    const { BUCKET } = this.runtime.env;
    const record = await awaitRecord(BUCKET, id);
    const picture = record?.images[n];
    if (picture !== undefined && (await BUCKET.head(picture.key)) !== null) {
      return { picture, path: `images/${id}/${n}` };
    }
    throw invalidField(field, record?.status === "running" ? "is still being drawn" : "is not a picture that is here");
  }

  private download(url: string, field: string, signal: AbortSignal): Promise<StoredPicture> {
    const known = this.downloads.get(url);
    if (known !== undefined) return known;
    const picture = this.storeDownload(url, field, signal).catch((error: unknown) => {
      this.downloads.delete(url);
      throw error;
    });
    this.downloads.set(url, picture);
    return picture;
  }

  /** Download a picture into R2. Throws DownloadError, or BodyError if it is no picture. */
  private async storeDownload(url: string, field: string, signal: AbortSignal): Promise<StoredPicture> {
    const { env, config } = this.runtime;
    const { limits, trustedHosts: trusted } = config;
    this.folder ??= newId(Date.now());
    const key = pictureKeys.reference(this.folder, this.downloadCount++);
    const upload = new PictureUpload({
      bucket: env.BUCKET,
      key,
      maxBytes: limits.referenceBytes,
      metadata: { generation: this.generation.id },
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

/** A reference that cannot be had is the client's to correct. Its URL may be signed, and is not repeated. */
function asReferenceError(thrown: unknown, field: string): unknown {
  if (!(thrown instanceof DownloadError) && !(thrown instanceof BodyError)) return thrown;
  const message = thrown instanceof BodyError ? thrown.message : `${field} could not be fetched: ${thrown.message}.`;
  // A vendor that downloads references itself may succeed.
  return new GatewayError("invalid_request", message, { field, cause: thrown, canFailover: true });
}
