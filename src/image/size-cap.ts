import { GatewayError } from "../errors.ts";
import { shorten } from "./fit-context.ts";
import type { ModelSpec, PixelTable } from "./model-spec.ts";
import { type ImageRequest, TIERS, type Tier } from "./request.ts";

/** Return whether `tier` is larger than `other`. */
export function isLarger(tier: Tier, other: Tier): boolean {
  return TIERS.indexOf(tier) > TIERS.indexOf(other);
}

/** Limits a model at a vendor to the largest size that an API key allows. */
export class SizeCap {
  private readonly maxSize: Tier;
  private readonly spec: ModelSpec;
  /** The tier generated if no size is sent; 1K if no pixels are published. */
  private readonly defaultTier: Tier;
  /** Whether the vendor takes any size field. */
  private readonly takesSize: boolean;

  /** `published` is the model's published pixels, used if the vendor's spec has none. */
  constructor(maxSize: Tier, spec: ModelSpec, published: PixelTable = {}) {
    const { sizes, dimensions, defaultSize, pixels = published } = spec;
    this.maxSize = maxSize;
    this.spec = spec;
    this.defaultTier = defaultSize ?? TIERS.find((tier) => pixels[tier] !== undefined) ?? "1K";
    this.takesSize = sizes.length > 0 || dimensions !== undefined;
  }

  /** Return the spec without larger sizes. Throws forbidden if the model generates no picture this small. */
  restrict(model: string): ModelSpec {
    const { maxSize, spec } = this;
    const sizes = spec.sizes.filter((tier) => !isLarger(tier, maxSize));
    const isTooLarge = this.takesSize
      ? spec.sizes.length > 0 && sizes.length === 0
      : isLarger(this.defaultTier, maxSize);
    if (!isTooLarge) return { ...spec, sizes };
    const message = `size may be ${maxSize} at most with this key, and ${shorten(model)} draws nothing so small here.`;
    throw new GatewayError("forbidden", message, { field: "size" });
  }

  /** Set the largest allowed size if the request has none and the model's default would be larger. */
  applyDefault(request: ImageRequest): void {
    const { size, width, height } = request;
    const isOpen = size === undefined && width === undefined && height === undefined;
    if (!isOpen || !this.takesSize || !isLarger(this.defaultTier, this.maxSize)) return;
    const largest = TIERS.findLast((tier) => this.spec.sizes.includes(tier) && !isLarger(tier, this.maxSize));
    request.size = largest ?? this.maxSize;
  }
}
