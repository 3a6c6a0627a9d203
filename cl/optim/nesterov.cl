#if LOOKAHEAD && LR_IN_BUFFER
m = beta * m - lr * g;
w += m;
#elif LOOKAHEAD
m = beta * m + g;
w -= lr * m;
#elif LR_IN_BUFFER
m = beta * m - lr * g;
w += beta * m - lr * g;
#else
m = beta * m + g;
w -= lr * (g + beta * m);
#endif
