/** Resolution tier as vendors name it: the length of a square's side. */
export const TIERS = ["512", "1K", "2K", "3K", "4K"] as const;
export type Tier = (typeof TIERS)[number];

export const OUTPUT_FORMATS = ["png", "jpeg", "webp"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** A whole picture in R2, and what is known of it from its own bytes. */
export interface StoredPicture {
  /** The R2 key. */
  key: string;
  /** MIME type by magic bytes, never as declared. */
  type: string;
  /** Pixels; 0 where the header does not tell. */
  width: number;
  height: number;
  bytes: number;
}

/** What vendors take as references; of other formats it is known where a picture ends, but they would be refused there. */
export const REFERENCE_TYPES: readonly string[] = ["image/png", "image/jpeg", "image/webp"];

/** A reference picture: somewhere on the web, or hoisted from the request into R2. */
export type Reference = { url: string; type?: string | undefined } | { picture: StoredPicture };

/** What was said and shown before the prompt, the oldest first; `model` is what the model answered. */
export interface Turn {
  role: "user" | "model";
  text?: string | undefined;
  references: Reference[];
}

export type ProviderOptions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The canonical request: every dialect decodes to it, every provider encodes from it. */
export interface ImageRequest {
  /** From a dialect the client's own word, an alias or `vendor/model` included; to a provider the canonical name. */
  model: string;
  prompt: string;
  /** Pictures asked for, 1 or more. */
  n: number;
  /** A tier with a ratio, or pixels; both absent means the model's own default. */
  size?: Tier | undefined;
  /** `W:H`; absent means the model decides. */
  aspectRatio?: string | undefined;
  width?: number | undefined;
  height?: number | undefined;
  seed?: number | undefined;
  quality?: string | undefined;
  outputFormat?: OutputFormat | undefined;
  references: Reference[];
  /** Where the first reference may be changed: a picture whose transparent parts are drawn anew. */
  mask?: Reference | undefined;
  /** Earlier turns of the conversation; the last one is `prompt` and `references`. */
  turns?: Turn[] | undefined;
  /** By vendor, what only that vendor has a field for, in its own words. */
  providerOptions?: ProviderOptions | undefined;
}

/** Every reference of a request, those of its turns, its own, its mask, and the path of each in the request. */
export function namedReferences({ turns = [], references, mask }: ImageRequest): [field: string, Reference][] {
  const named = (list: readonly Reference[], prefix = "") =>
    list.map((reference, index): [string, Reference] => [`${prefix}references[${index}]`, reference]);
  return [
    ...turns.flatMap((turn, index) => named(turn.references, `turns[${index}].`)),
    ...named(references),
    ...(mask === undefined ? [] : [["mask", mask] satisfies [string, Reference]]),
  ];
}

/** The same without their paths. */
export function referencesOf(request: ImageRequest): Reference[] {
  return namedReferences(request).map(([, reference]) => reference);
}

/** The request with each of `referencesOf` replaced by the one at the same place of `others`. */
export function withReferences(request: ImageRequest, others: readonly Reference[]): ImageRequest {
  const rest = others.values();
  const replaced = (reference: Reference) => rest.next().value ?? reference;
  return {
    ...request,
    turns: request.turns?.map((turn) => ({ ...turn, references: turn.references.map(replaced) })),
    references: request.references.map(replaced),
    mask: request.mask === undefined ? undefined : replaced(request.mask),
  };
}
