import { bool, decodeConfig, int } from "@finial/sdk/hcl";

export interface Config {
  /** Whether to give `path` and `sha256`, too. */
  readonly discoverWorkloadPath: boolean;
  /** 0: any size. Negative: no digest. */
  readonly workloadSizeLimitBytes: number;
}

/** @throws {StatusError} InvalidArgument; one problem a line. */
export function parseConfig(text: string): Config {
  const { discover_workload_path, workload_size_limit } = decodeConfig(
    text,
    { discover_workload_path: bool({ default: false }), workload_size_limit: int({ default: 0 }) },
    { filename: "plugin_data" },
  );
  return { discoverWorkloadPath: discover_workload_path, workloadSizeLimitBytes: workload_size_limit };
}
