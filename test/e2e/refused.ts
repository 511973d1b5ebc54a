import OpenAI from "openai";

/** Return the API error that an SDK call rejects with; throw if it resolves or rejects with another error. */
export async function apiErrorOf(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const outcome = await call.then(
    () => "no error at all",
    (error: unknown) => error,
  );
  if (outcome instanceof OpenAI.APIError) return outcome;
  throw outcome;
}
