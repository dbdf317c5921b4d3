/* golden_section.h: the lowest point of a function of one number that falls and then rises (Kiefer
 * 1953). Pure. */
#ifndef ALM_NUM_GOLDEN_SECTION_H
#define ALM_NUM_GOLDEN_SECTION_H

/* The middle of what is left of [low, high] when sections, each of which leaves .618 of it, have
 * brought it to at most `width` > 0. With several valleys it is one of them. */
double alm_golden_section(double (*f)(void *context, double x), void *context, double low,
                          double high, double width);

#endif
