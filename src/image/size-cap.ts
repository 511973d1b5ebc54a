import { GatewayError } from "../errors.ts";
import { shorten } from "./fit-context.ts";
import type { ModelSpec, PixelTable } from "./model-spec.ts";
import { type ImageRequest, TIERS, type Tier } from "./request.ts";

/** Whether a tier is larger than another. */
export function isLarger(tier: Tier, most: Tier): boolean {
  return TIERS.indexOf(tier) > TIERS.indexOf(most);
}

/** The largest size that a caller may have of a model at a vendor. */
export class SizeCap {
  private readonly most: Tier;
  private readonly spec: ModelSpec;
  /** What is drawn where no size is sent; of what nobody has published, 1K. */
  private readonly unasked: Tier;
  /** Whether a size can be asked for at all. */
  private readonly takesSize: boolean;

  /** `published` is what is known of the model's pixels, whoever draws it. */
  constructor(most: Tier, spec: ModelSpec, published: PixelTable = {}) {
    const { sizes, dimensions, defaultSize, pixels = published } = spec;
    this.most = most;
    this.spec = spec;
    this.unasked = defaultSize ?? TIERS.find((tier) => pixels[tier] !== undefined) ?? "1K";
    this.takesSize = sizes.length > 0 || dimensions !== undefined;
  }

  /** What the model can do without drawing more. Throws forbidden where it draws nothing so small. */
  restrict(model: string): ModelSpec {
    const { most, spec } = this;
    const sizes = spec.sizes.filter((tier) => !isLarger(tier, most));
    const isTooLarge = this.takesSize ? spec.sizes.length > 0 && sizes.length === 0 : isLarger(this.unasked, most);
    if (!isTooLarge) return { ...spec, sizes };
    const message = `size may be ${most} at most with this key, and ${shorten(model)} draws nothing so small here.`;
    throw new GatewayError("forbidden", message, { field: "size" });
  }

  /** Says a size where none is said and the model's own would be more. */
  applyDefault(request: ImageRequest): void {
    const { size, width, height } = request;
    const isOpen = size === undefined && width === undefined && height === undefined;
    if (!isOpen || !this.takesSize || !isLarger(this.unasked, this.most)) return;
    const largest = TIERS.findLast((tier) => this.spec.sizes.includes(tier) && !isLarger(tier, this.most));
    request.size = largest ?? this.most;
  }
}
