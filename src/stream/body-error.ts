/** A body that cannot be read; whose fault it is, the caller knows. */
export class BodyError extends Error {
  readonly tooLarge: boolean;
  /** Where in the body, if that can be said. */
  readonly field: string | undefined;

  constructor(message: string, tooLarge = false, field?: string) {
    super(message);
    this.name = "BadBody";
    this.tooLarge = tooLarge;
    this.field = field;
  }
}
