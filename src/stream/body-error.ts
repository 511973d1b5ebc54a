/** An unreadable body; the caller decides whether that is an error of the client or of a vendor. */
export class BodyError extends Error {
  readonly tooLarge: boolean;
  /** The field at fault, if known. */
  readonly field: string | undefined;

  constructor(message: string, tooLarge = false, field?: string) {
    super(message);
    this.name = "BadBody";
    this.tooLarge = tooLarge;
    this.field = field;
  }
}
