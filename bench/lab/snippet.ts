// The call that the SDK was made for, in the words in which it was asked for. It is type-checked
// as it stands here, measured as it stands here (bench/sdk.ts), and tested with bounds that any
// machine can hold (test/client/snippet.test.ts).

import type { HealthResult, VertexClient } from '../../src/client/client.ts'

export async function proveVersion(
  vertexClient: VertexClient,
  version: string,
): Promise<HealthResult> {
  // biome-ignore format: these are the words
  const probe = await vertexClient.runSyntheticTransaction({
  version, scenario: 'critical_path',
  assertions: [
    { metric: 'p99_latency', threshold: 50 },    // ms
    { metric: 'error_rate', threshold: 0.001 },
    { metric: 'throughput', min: 10000 },        // req/s
  ],
});
  // biome-ignore format: these are the words
  return probe.result; // HealthResult
}
