/** A page of docs/, as text. */
declare module "*.md?raw" {
  const page: string;
  export default page;
}

/** wrangler.toml, as text. */
declare module "*.toml?raw" {
  const text: string;
  export default text;
}
