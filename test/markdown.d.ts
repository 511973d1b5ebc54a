/** A page of docs/, as text. */
declare module "*.md?raw" {
  const page: string;
  export default page;
}
