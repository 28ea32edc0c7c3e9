/** What `vgm doctor` does, for programs: a service checks its cluster before it starts. */

export type { NamedFinding } from './checks.ts'
export { type ClusterDiagnosis, type DiagnoseClusterOptions, diagnoseCluster } from './diagnose-cluster.ts'
