#if SETUP
lr /= pow(1 + lambd * lr * past, alpha);
#else
w -= lr * lambd * w;
w -= lr * g;
ax = mu < 1 ? ax + mu * (w - ax) : w;
#endif
