// What the entries import and tsc cannot read.

declare module "*.wasm" {
  // biome-ignore lint/suspicious/noExplicitAny: a WebAssembly.Module in workerd, a path in Bun
  const module: any;
  export default module;
}

declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}

declare const Bun: { file(path: string | URL): { arrayBuffer(): Promise<ArrayBuffer> } };
