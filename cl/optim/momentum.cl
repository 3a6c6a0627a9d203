#if LR_IN_BUFFER
m = beta * m - lr * damped * g;
w += m;
#else
m = beta * m + damped * g;
w -= lr * m;
#endif
