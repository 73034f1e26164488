import { configureGlobal } from 'fast-check';

/** What is drawn in every run, so that a run which fails fails again. */
const usualSeed = 20_261_123;

/** `PROPERTY_SEED=random` draws other cases than the usual ones, and a number draws those of a run that has failed. */
const wanted = process.env['PROPERTY_SEED'];
if (wanted !== 'random') configureGlobal({ seed: wanted === undefined ? usualSeed : Number(wanted) });
