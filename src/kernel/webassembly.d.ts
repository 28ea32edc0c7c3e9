/** What the kernel needs of WebAssembly: neither the language's library nor Node's types have it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }

  class Memory {
    readonly buffer: ArrayBuffer
    /** @param descriptor in pages of 64 KiB */
    constructor(descriptor: { readonly initial: number; readonly maximum: number })
    grow(pages: number): number
  }

  class Instance {
    readonly exports: unknown
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } })
  }
}
