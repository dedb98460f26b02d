// placeholder replaced within minutes
export interface Evidence {
  readonly rollout: string
}
