/** A body that cannot be read; whose fault it is, the caller knows. */
export class BadBody extends Error {
  readonly tooLarge: boolean;

  constructor(message: string, tooLarge = false) {
    super(message);
    this.name = "BadBody";
    this.tooLarge = tooLarge;
  }
}
