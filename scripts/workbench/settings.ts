/**
 * The settings a workbench of ours starts with: no traffic of its own, no promotion of other assistants in front of the
 * one that is shown. A person may change any of them; they are written once.
 */
export const initialSettings: Readonly<Record<string, unknown>> = {
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'workbench.enableExperiments': false,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.agentsControl.enabled': 'hidden',
};
