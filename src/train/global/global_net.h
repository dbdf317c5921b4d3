/* global_net.h: one sequence net over all series of a panel (model/sequence/network.h).
 *
 * INPUT: the newest periods of a history (four seasons, or the horizon if that is longer, at least
 * 8 and at most 64), each with
 *   log(1 + y / scale) and whether y is known (not before the first demand, not closed), and the
 *   mean of the whole history over the scale;
 *   the phase of the season: which of up to 14, else two triangle waves a quarter apart; with two
 *   years of history two such waves of the year;
 *   the panel's columns that are known in advance and the same for all series (at most
 *   ALM_GLOBAL_COLUMNS_MAX), in units of their deviation, of the period and of the one a horizon
 *   ahead: so the last inputs hold those of all the steps that are forecast.
 * OUTPUT: all steps at once, over the scale, as what is left of demand beside global_base.h. The
 * loss is the squared error with its weights, so the forecast is a mean, in units of the series and
 * never below 0; 0 where the calendar says closed.
 *
 * THE NETS: one layer of 32 units (lstm, gru); four blocks of 16 with kernel 3 and dilations 1, 2,
 * 4, 8 (tcn).
 *
 * WORK is bounded, not time: at most 6,000 windows, 30 epochs of them, stopped early when 5 epochs
 * have not made the held places (at most 1,000) better: 210,000 passes of a window a fit.
 *
 * Refused, with what is needed: histories shorter than three horizons, fewer than 64 windows to
 * learn from or 8 held, a horizon above 4,096 steps. */
#ifndef ALM_TRAIN_GLOBAL_NET_H
#define ALM_TRAIN_GLOBAL_NET_H

#include "train/global/global_kind.h"

#define ALM_GLOBAL_NET_WINDOWS 6000
#define ALM_GLOBAL_NET_HELD 1000
#define ALM_GLOBAL_NET_EPOCHS 30

#endif
