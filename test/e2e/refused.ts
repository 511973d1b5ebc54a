import OpenAI from "openai";

/** The error that the SDK makes of a refusal. */
export async function refused(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const outcome = await call.then(
    () => "no error at all",
    (error: unknown) => error,
  );
  if (outcome instanceof OpenAI.APIError) return outcome;
  throw outcome;
}
