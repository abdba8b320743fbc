/** What `settings` of the API tells; the same values bind the domains. */
export interface ChatSettings {
  readonly recentVisitWindowSeconds: number;
  readonly rankingIntervalMs: number;
  readonly maxReplayedMessages: number;
  readonly maxMessageLength: number;
  readonly maxRoomNameLength: number;
  readonly maxDisplayNameLength: number;
}
