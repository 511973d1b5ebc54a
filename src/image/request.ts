/** Resolution tiers as vendors name them: the side length of a square. */
export const TIERS = ["512", "1K", "2K", "3K", "4K"] as const;
export type Tier = (typeof TIERS)[number];

export const OUTPUT_FORMATS = ["png", "jpeg", "webp"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** A complete picture in R2, and the facts read from its bytes. */
export interface StoredPicture {
  /** The R2 key. */
  key: string;
  /** MIME type by magic bytes, never the declared type. */
  type: string;
  /** Pixels; 0 if the header does not state them. */
  width: number;
  height: number;
  bytes: number;
}

/** Types that vendors accept as references; other formats can be checked for truncation, but vendors refuse them. */
export const REFERENCE_TYPES: readonly string[] = ["image/png", "image/jpeg", "image/webp"];

/** A reference picture: a URL, or a picture that was hoisted from the request into R2. */
export type Reference = { url: string; type?: string | undefined } | { picture: StoredPicture };

/** An earlier turn of the conversation, with its text and pictures; the role `model` marks the model's response. */
export interface Turn {
  role: "user" | "model";
  text?: string | undefined;
  references: Reference[];
}

export type ProviderOptions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The canonical request: every dialect decodes to it, every provider encodes from it. */
export interface ImageRequest {
  /** From a dialect the client's spelling, which may be an alias or `vendor/model`; to a provider the canonical name. */
  model: string;
  prompt: string;
  /** Number of pictures requested, 1 or more. */
  n: number;
  /** Either a tier and a ratio, or pixels; without both the model's default applies. */
  size?: Tier | undefined;
  /** `W:H`; absent means the model decides. */
  aspectRatio?: string | undefined;
  width?: number | undefined;
  height?: number | undefined;
  seed?: number | undefined;
  quality?: string | undefined;
  outputFormat?: OutputFormat | undefined;
  references: Reference[];
  /** A picture whose transparent parts mark the area of the first reference that is generated anew. */
  mask?: Reference | undefined;
  /** Earlier turns, the oldest first; the current turn is `prompt` and `references`. */
  turns?: Turn[] | undefined;
  /** Vendor → its proprietary fields, under the vendor's own names. */
  providerOptions?: ProviderOptions | undefined;
}

/** Return every reference (of the turns, of the request, the mask) with its path in the request. */
export function namedReferences({ turns = [], references, mask }: ImageRequest): [field: string, Reference][] {
  const named = (list: readonly Reference[], prefix = "") =>
    list.map((reference, index): [string, Reference] => [`${prefix}references[${index}]`, reference]);
  return [
    ...turns.flatMap((turn, index) => named(turn.references, `turns[${index}].`)),
    ...named(references),
    ...(mask === undefined ? [] : [["mask", mask] satisfies [string, Reference]]),
  ];
}

/** Return the references of `namedReferences` without their paths. */
export function referencesOf(request: ImageRequest): Reference[] {
  return namedReferences(request).map(([, reference]) => reference);
}

/** Replace each reference, in the order of `referencesOf`, by the one at the same index of `others`. */
export function withReferences(request: ImageRequest, others: readonly Reference[]): ImageRequest {
  const iterator = others.values();
  const replaced = (reference: Reference) => iterator.next().value ?? reference;
  return {
    ...request,
    turns: request.turns?.map((turn) => ({ ...turn, references: turn.references.map(replaced) })),
    references: request.references.map(replaced),
    mask: request.mask === undefined ? undefined : replaced(request.mask),
  };
}
