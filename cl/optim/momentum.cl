#if LR_IN_BUFFER
m = beta * m - lr * share * g;
w += m;
#else
m = beta * m + share * g;
w -= lr * m;
#endif
