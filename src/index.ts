/** The mixture under the package's own name; the pipeline is `vgm-stream/pipeline`. */
export * from './mixture/index.ts'
