import type { FeatureState, Question } from '@raft-ts/replica';
import { FEATURES } from '../machine/features.js';
import { HttpError } from './answers.js';

export interface FeaturesHost {
  readonly replica: {
    readonly features: FeatureState;
    explain(question: Question): { readonly code: string; readonly text: string };
  };
}

/**
 * To be called before anything is proposed that members written in Go would pass over.
 * @throws HttpError 503 until every member of the cluster has shown that it knows what to do with it
 */
export function requireFeatures({ replica }: FeaturesHost): void {
  const { open, missing } = replica.features;
  if (open >= FEATURES) return;
  const { code, text } = replica.explain({ features: true });
  throw new HttpError('ERR_KV_FEATURE', code, text, { missing });
}
