/** What `vgm doctor` does, for programs: a service checks its cluster before it starts. */

export {
  type ClusterDiagnosis,
  type ClusterFinding,
  type DiagnoseClusterOptions,
  diagnoseCluster,
} from './diagnose-cluster.ts'
